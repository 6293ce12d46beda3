"""An assessment as a person sees it in a console, a notebook and a table."""

import pytest

from vaescope.assessment.assessment import Assessment
from vaescope.errors import UserError


def test_the_repr_says_the_verdict_and_the_headline_in_a_line(assessment):
    text = repr(assessment)
    assert assessment.headline in text
    assert assessment.verdict in text
    assert len(text) < 400
    assert all(len(repr(estimate)) < 160 for estimate in assessment.estimates.values())


def test_the_summary_fits_80_columns_and_names_every_estimate(assessment):
    lines = assessment.summary().splitlines()
    assert all(name in assessment.summary() for name in assessment.estimates)
    table = lines[lines.index("") : len(lines) - lines[::-1].index("")]
    assert max(map(len, table)) <= 80
    assert [line for line in table if line.endswith("?")] == ["Is z used?", "Does q(z) fit the prior?"]
    assert table.index("Is z used?") < next(i for i, line in enumerate(table) if line.startswith("  rate "))
    commands = [f"    {finding.command}" for finding in assessment.findings if finding.command]
    assert commands
    assert set(commands) <= set(lines)


def test_the_html_is_escaped_and_whole(assessment):
    html = assessment._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 1 + len(assessment.estimates) + len(assessment.findings)
    assert "<b>" in html


def test_the_dataframe_has_a_row_for_each_estimate(assessment):
    frame = assessment.to_dataframe()
    assert list(frame.index) == list(assessment.estimates)
    assert frame.loc["rate", "value"] == assessment.estimates["rate"].value


def test_a_figure_is_shown_by_its_name(assessment):
    assert assessment.plot("rate") is assessment.figures["rate"]
    with pytest.raises(UserError, match="did you mean 'rate'"):
        assessment.plot("rat")


def test_a_notebook_shows_a_figure_and_draws_in_a_line(assessment, draws):
    assert assessment.plot("rate")._repr_png_().startswith(b"\x89PNG")
    assert f"{draws.texts:,} texts" in repr(draws)
    assert len(repr(draws)) < 200


def test_it_is_read_by_its_file_or_its_folder(assessment, tmp_path):
    path = assessment.save(tmp_path, name="assessment-test", figures=())
    by_file, by_folder = Assessment.load(path), Assessment.load(tmp_path, name="assessment-test")
    assert by_file.to_json() == by_folder.to_json()
    assert (by_file.per_text is None) == (assessment.per_text is None)
