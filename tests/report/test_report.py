"""The page: complete, self-contained, safe against what the texts contain."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.report.pages import Elements

from vaescope.plotting import axes, svg
from vaescope.report import tables
from vaescope.report.html import PLATES, write_report
from vaescope.report.run import RunReport


@pytest.fixture(scope="module")
def runs(assessment):
    metrics = [{"kind": "train", "step": step, "rate": step / 10} for step in range(0, 100, 10)]
    first = RunReport(
        name="first",
        assessment=assessment,
        objective="VAE: minimise D + R.",
        metrics=metrics,
        samples=['<b>bold</b> & "quoted"'],
        reconstructions=[("a text", "another text")],
        target_rate=4.0,
        environment={"python": "3.11", "seed": "0"},
    )
    return [first, RunReport(name="second", assessment=assessment, environment={"python": "3.11", "seed": "1"})]


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    assert write_report(path, runs, title="Two runs") == path
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elements(page):
    parser = Elements()
    parser.feed(page)
    return parser


def test_page_is_whole(elements):
    assert not elements.open
    assert len(elements.ids) == len(set(elements.ids))


def test_page_needs_nothing_else(page, elements):
    assert all(resource.startswith(("#", "data:")) for resource in elements.resources)
    inside = {reference.removeprefix("#") for reference in elements.resources if reference.startswith("#")}
    assert inside <= set(elements.ids)
    assert not re.search(r"@import|url\((?!#)|<script", page)


def test_page_says_what_was_found(page, assessment):
    for text in ("Two runs", "first", "second", "another text", "gaussian", "valid split", "seed"):
        assert text in page
    for plate in PLATES:
        assert plate.title in page
    assert tables.cell(assessment.estimates["rate"]) in page


def test_texts_are_escaped(page):
    assert "<b>bold</b>" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_shared_environment_is_said_once(page):
    assert page.count("<td>3.11</td>") == 1
    assert "first: 0 · second: 1" in page


def test_run_without_metrics_has_no_trajectory(runs, tmp_path):
    page = write_report(tmp_path / "report.html", runs[1:]).read_text(encoding="utf-8")
    assert "during training" not in page


@pytest.mark.parametrize("plate", PLATES, ids=lambda plate: plate.name)
@pytest.mark.parametrize("count", [1, 2, 10])
def test_figures_take_any_number_of_runs(plate, count, runs):
    figure = plate.draw([runs[0]] * count)
    assert svg(figure, plate.name).endswith("</svg>\n")


def test_page_leaves_out_what_no_run_has(assessment, tmp_path):
    kept = {name: assessment.estimates[name] for name in ("rate", "distortion")}
    bare = RunReport(name="bare", assessment=replace(assessment, estimates=kept, metadata={}, findings=[]))
    page = write_report(tmp_path / "report.html", [bare]).read_text(encoding="utf-8")
    shown = [plate.name for plate in PLATES if plate.title in page]
    assert shown == ["rate-distortion", "bounds"]
    assert tables.verdict(bare.assessment) == "PASS"
    assert [column.estimate for column in tables.columns([bare.assessment])] == ["rate", "distortion"]


def test_svg_is_reproducible_and_follows_the_page():
    def drawn():
        figure, (ax,) = axes()
        ax.plot([0, 1], [0, 1], marker="o")
        return svg(figure, "line")

    assert drawn() == drawn()
    assert "var(--ink)" in drawn()


def test_rows_of_a_table(assessment):
    rows = tables.estimate_rows(assessment)
    assert [row[0] for row in rows] == list(assessment.estimates)
    assert {len(row) for row in rows} == {6}
