"""A comparison of runs is complete, self-contained, equal to its sources, and says what it cannot compare."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.report.pages import Elements

from vaescope import choices
from vaescope.assessment.assess import assess
from vaescope.errors import UserError
from vaescope.estimators.estimate import quantile
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.evidence.per_text import PerText
from vaescope.plotting import PALETTE, axes, svg
from vaescope.report import summary, tables
from vaescope.report.comparison import read
from vaescope.report.figures import against_rate, each_run
from vaescope.report.figures.plates import PLATES
from vaescope.report.page import compare
from vaescope.report.pairs import against_reference, matched, reference
from vaescope.runs.shown_texts import ShownTexts

TEXTS = 150
LANGUAGE_MODEL = "language_model"


def made(folder: Path, name: str, objective, *, rate=2.0, seed=0, split="test", latent_size=2, drop=0.0, **metadata):
    """Write the folder of a run whose draws come from a linear-Gaussian VAE, and return it.

    ``drop`` is taken off log p(x|z) of every text, so that truths about differences are known.
    """
    torch.manual_seed(seed)
    model = LinearGaussian.matched(latent_size=latent_size, data_size=3, rate=rate)
    draws = Draws(**model.sample_draws(TEXTS, seed=seed))
    if objective == LANGUAGE_MODEL:
        blind = torch.zeros_like(draws.posterior_mean)
        same = torch.zeros_like(draws.log_q_z_x)
        draws = replace(
            draws,
            posterior_mean=blind,
            posterior_std=blind + 1,
            log_p_z=same,
            log_q_z_x=same,
            z=torch.randn(draws.z.shape),
        )
        log_p = torch.distributions.Normal(0, 1).log_prob(draws.z.double()).sum(-1)
        draws = replace(draws, log_p_z=log_p, log_q_z_x=log_p)
    config = {"objective": objective, "seed": seed, "data": {"known": "gaussian", "options": {}, "max_length": 32}}
    about = {"corpus": "gaussian", "split": split, "entropy": 3.0, "config": config} | metadata
    known = {name: value for name, value in about.items() if value is not None}
    draws = replace(draws, log_p_x_z=draws.log_p_x_z - drop, metadata=known)
    facts = replace(Facts.of(draws.metadata), strings=[f"text {n}" for n in range(TEXTS)])
    found = assess(
        Evidence(draws, facts=facts),
        diagnostics=["rate", "distortion", "elbo", "log_likelihood", "mutual_information", "marginal_kl"],
    )
    path = folder / name
    found.save(path, name="assessment" if split == "valid" else f"assessment-{split}", figures=())
    lines = [{"kind": "train", "step": step, "rate": rate * step / 100} for step in range(0, 110, 10)]
    (path / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    made(folder, "lm", LANGUAGE_MODEL)
    for seed in (0, 1):
        for rate in (1.0, 2.0, 3.0):
            made(folder, f"mdr-{rate:g}-{seed}", {"preset": "mdr", "rate": rate}, rate=rate, seed=seed)
        made(folder, f"free-{seed}", {"preset": "free_bits", "rate": 2}, rate=2.02, seed=seed, drop=0.25)
    return folder


@pytest.fixture(scope="module")
def comparison(study):
    return read([study], "test")


@pytest.fixture(scope="module")
def out(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "new"
    assert compare([study], folder, split="test", title="A <study>") == folder / "compare.html"
    return folder


@pytest.fixture(scope="module")
def page(out):
    return (out / "compare.html").read_text(encoding="utf-8")


def missing(comparison):
    """Return why a figure is missing, by its name."""
    return {plate.name: reason for plate in PLATES if (reason := plate.missing(comparison))}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_page_is_complete_and_self_contained(page):
    elements = Elements()
    elements.feed(page)
    assert not elements.open
    assert len(elements.ids) == len(set(elements.ids))
    assert all(resource.startswith(("#", "data:")) for resource in elements.resources)
    assert not re.search(r"@import|url\((?!#)|(src|href)=\"?http", page)


def test_page_shows_every_run_and_every_figure(page, out, comparison):
    assert "A &lt;study&gt;" in page
    for run in comparison.runs:
        assert run.name in page
        assert run.label in page
    for plate in PLATES:
        assert plate.title in page
        for kind in ("svg", "pdf"):
            assert (out / "figures" / f"{plate.name}.{kind}").stat().st_size > 1000
    assert "None" not in re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.S)


def test_numbers_are_those_of_the_assessments(out, study):
    found = {(row["run"], row["estimate"]): row for row in rows(out / "numbers.csv")}
    count = 0
    for path in study.glob("*/assessment-test.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for name, estimate in content["estimates"].items():
            row = found[path.parent.name, name]
            for key in ("value", "se", "low", "high"):
                if estimate[key] is not None:
                    assert float(row[key]) == estimate[key]
            assert (row["unit"], row["kind"], int(row["n"])) == tuple(estimate[k] for k in ("unit", "kind", "n"))
            assert row["split"] == "test"
            count += 1
    assert len(found) == count
    assert found["free-1", "rate"]["objective"] == "free_bits, rate 2"
    assert found["free-1", "rate"]["seed"] == "1"


def test_paired_differences_are_those_of_the_texts(out, study):
    table = {(row["by"], row["run"], row["against"], row["quantity"]): row for row in rows(out / "paired.csv")}
    ours, theirs = (PerText.load(study / name / "assessment-test-texts.safetensors") for name in ("mdr-3-0", "lm"))
    difference = (ours.log_likelihood - theirs.log_likelihood).double().numpy()
    row = table["reference", "mdr-3-0", "lm", "log_likelihood"]
    assert float(row["value"]) == pytest.approx(difference.mean())
    se = difference.std(ddof=1) / np.sqrt(TEXTS)
    assert [float(row[k]) for k in ("low", "high")] == pytest.approx(
        difference.mean() + np.array([-1, 1]) * quantile(len(difference)) * se
    )
    assert {key[2] for key in table if key[0] == "reference"} == {"lm"}
    # the likelihood of the language model is exact; that of two latent variable models is bounded for both
    assert (row["kind"], table["reference", "mdr-3-0", "lm", "rate"]["kind"]) == ("lower", "unbiased")
    matched_pairs = [key for key in table if key[0] == "target and seed" and key[3] == "log_likelihood"]
    assert {table[key]["kind"] for key in matched_pairs} == {"bounds"}


def test_seeds_of_one_configuration_are_compared(page, out):
    found = rows(out / "seeds.csv")
    pairs = {(row["run"], row["other"]) for row in found}
    assert pairs == {(f"{name}-0", f"{name}-1") for name in ("mdr-1", "mdr-2", "mdr-3", "free")}
    assert {row["quantity"] for row in found} == {"linear", "units"}
    assert "Do seeds agree?" in page


def test_runs_of_the_same_target_and_seed_are_paired(comparison):
    pairs = {(row[0].run.name, row[0].against.name): row for row in matched(comparison)}
    assert set(pairs) == {("free-0", "mdr-2-0"), ("free-1", "mdr-2-1")}
    kl = pairs["free-0", "mdr-2-0"][-1]
    ours, theirs = kl.run.estimate("marginal_kl"), kl.against.estimate("marginal_kl")
    assert kl.quantity == "marginal_kl"
    assert (kl.low, kl.high) == (ours.low - theirs.high, ours.high - theirs.low)


def test_the_reference_is_the_language_model_or_the_highest_elbo(comparison):
    assert reference(comparison).name == "lm"
    others = replace(comparison, runs=comparison.latent)
    best = max(others.runs, key=lambda run: run.estimate("elbo").value)
    assert reference(others) is best
    assert len(against_reference(others)) == len(others.runs) - 1


def test_copies_of_a_text_count_once_in_paired_differences(tmp_path):
    runs = [made(tmp_path, name, "vae") for name in ("a", "b")]
    every = against_reference(read(runs, "test"))[0][0]
    for run in runs:
        file = run / "assessment-test-texts.safetensors"
        replace(PerText.load(file), text_id=torch.arange(TEXTS) // 5).save(file)
    distinct = against_reference(read(runs, "test"))[0][0]
    assert (every.n, distinct.n) == (TEXTS, TEXTS // 5)
    assert distinct.value == every.value


def test_other_texts_are_not_paired(tmp_path):
    runs = [made(tmp_path, name, "vae") for name in ("a", "b")]
    file = runs[1] / "assessment-test-texts.safetensors"
    replace(PerText.load(file), digest="other texts").save(file)
    found = read(runs, "test")
    assert against_reference(found) == []
    assert any("same texts" in note for note in found.notes)
    assert "same texts" in missing(found)["paired-differences"]


def test_a_run_without_numbers_of_each_text_is_shown_and_not_paired(tmp_path):
    runs = [made(tmp_path, name, "vae") for name in ("a", "b")]
    (runs[1] / "assessment-test-texts.safetensors").unlink()
    found = read(runs, "test")
    assert [run.name for run in found.runs] == ["a", "b"]
    assert "not paired: b" in found.notes[0]
    assert against_reference(found) == []
    assert "rate-distortion" not in missing(found)


def test_texts_are_shown_side_by_side_and_escaped(tmp_path):
    one, two, three, bare = (made(tmp_path, name, "vae") for name in ("one", "two", "three", "bare"))
    texts = ShownTexts(['a <b>bold</b> & "quoted" text', "b"], ["sample"], ["again", "b"], ["start", "end"])
    texts.save(one / "assessment-test-texts.json")
    replace(texts, reconstructions=["other", "c"]).save(two / "assessment-test-texts.json")
    # a run that was given other texts shows its samples only
    ShownTexts(["elsewhere"], ["drawn"], ["lost"]).save(three / "assessment-test-texts.json")
    page = compare([one, two, three, bare], tmp_path / "out", split="test", title="texts").read_text(encoding="utf-8")
    assert "<b>bold</b>" not in page
    assert page.count("a &lt;b&gt;bold&lt;/b&gt;") == 1
    for text in ("again", "other", "start", "sample", "drawn", "No texts of bare: assess again"):
        assert text in page
    assert "lost" not in page


def test_different_latent_sizes_leave_out_the_map(tmp_path):
    runs = [made(tmp_path, f"d{size}", "vae", latent_size=size) for size in (1, 2)]
    found = missing(read(runs, "test"))
    assert "different sizes (1, 2)" in found["mixed-membership"]
    assert "posterior-densities" not in found


def test_one_run_alone(tmp_path):
    run = made(tmp_path, "only", "vae", split="valid")
    page = compare([run], tmp_path / "out", split="valid", title="one").read_text(encoding="utf-8")
    assert "1 run ·" in page
    for name, reason in missing(read([run], "valid")).items():
        assert reason in page
        assert not (tmp_path / "out" / "figures" / f"{name}.svg").exists()
    assert "Highest log-likelihood: only" in page


def test_one_language_model_alone(tmp_path):
    compare([made(tmp_path, "lm", LANGUAGE_MODEL)], tmp_path / "out", split="test", title="one")
    assert {row["run"] for row in rows(tmp_path / "out" / "numbers.csv")} == {"lm"}


def test_refusals_name_the_run_and_the_fix(tmp_path):
    here = made(tmp_path, "here", "vae")
    with pytest.raises(
        UserError,
        match=r"here: no assessment.json \(assessed on test.*make it with vaescope assess .*here --split valid",
    ):
        read([here], "valid")
    with pytest.raises(UserError, match="did you mean 'test'"):
        compare([here], tmp_path / "out", split="tset", title="")
    with pytest.raises(UserError, match="nowhere: no such folder"):
        read([tmp_path / "nowhere"], "test")
    with pytest.raises(UserError, match="no run in it is assessed on train"):
        read([tmp_path], "train")
    other = made(tmp_path, "other", "vae", corpus="another")
    replaced = other / "assessment-test-texts.safetensors"
    replace(PerText.load(replaced), digest="other texts").save(replaced)
    with pytest.raises(UserError, match=r"other: assessed on another .test., but .*here on gaussian .test."):
        read([here, other], "test")


def test_the_same_texts_under_another_path_are_the_same_corpus(tmp_path):
    runs = [made(tmp_path, "here", "vae"), made(tmp_path, "there", "vae", corpus="elsewhere/gaussian")]
    assert len(read(runs, "test").runs) == 2


def test_a_study_leaves_out_runs_that_are_not_assessed(tmp_path):
    made(tmp_path, "done", "vae")
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "config.yaml").write_text("objective: vae\n", encoding="utf-8")
    found = read([tmp_path], "test")
    assert [run.name for run in found.runs] == ["done"]
    assert found.notes == ["Left out, since not assessed on test: running."]


def test_equal_names_are_made_different(tmp_path):
    runs = [made(tmp_path / parent, "run", "vae") for parent in ("one", "two")]
    assert [run.name for run in read(runs, "test").runs] == ["one/run", "two/run"]


def test_families_share_a_look_and_seeds_too(comparison):
    assert set(comparison.looks) == {"mdr", "free_bits"}
    figure = against_rate.marginal_kl(comparison)
    colours = {line.get_gid(): line.get_color() for line in figure.axes[0].lines if line.get_gid()}
    assert len(colours) == len(comparison.latent)
    assert len({colour for name, colour in colours.items() if "mdr" in name}) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["free_bits", "mdr"]


def points(figure):
    found = {line.get_gid(): line.get_xydata()[0] for line in figure.axes[0].lines if line.get_gid()}
    return {gid.removeprefix("hover: ").split(":")[0]: place for gid, place in found.items()}


def test_points_are_at_their_numbers(comparison):
    drawn = points(against_rate.rate_distortion(comparison))
    for run in comparison.latent:
        expected = [run.estimate(name).value for name in ("rate", "distortion")]
        assert drawn[run.name] == pytest.approx(expected)
    assert len(drawn) == len(comparison.latent)


def test_bars_are_the_intervals(comparison):
    ax = against_rate.marginal_kl(comparison).axes[0]
    run = comparison.latent[-1]
    kl = run.estimate("marginal_kl")
    assert any(
        line.get_ydata()[:2] == pytest.approx([kl.low, kl.high]) for line in ax.lines if len(line.get_ydata()) == 2
    )


def test_lines_of_reference_are_drawn(comparison):
    plane = against_rate.rate_distortion(comparison)
    level = comparison.language_model.estimate("distortion").value
    assert any(list(line.get_ydata()) == [level, level] for line in plane.axes[0].lines)
    assert any("H = 3.0" in text.get_text() for text in plane.axes[0].texts)
    ceiling = against_rate.information(comparison).axes[0]
    assert any(list(line.get_ydata()) == pytest.approx([np.log(TEXTS)] * 2) for line in ceiling.lines)


def test_a_family_is_joined_through_the_means_of_its_seeds(comparison):
    ax = against_rate.rate_distortion(comparison).axes[0]
    joined = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert len(joined) == 1
    x = joined[0].get_xdata()
    mean = np.mean([run.rate for run in comparison.latent if run.label == "mdr, rate 1"])
    assert x[0] == pytest.approx(mean)
    assert list(x) == sorted(x)


def test_the_front_has_the_runs_that_no_other_beats(comparison):
    costs = {r.name: (-r.estimate("log_likelihood").value, r.estimate("marginal_kl").value) for r in comparison.latent}
    front = {run.name for run in comparison.front}
    for name, (ours, kl) in costs.items():
        beaten = any(a <= ours and b <= kl and (a, b) != (ours, kl) for a, b in costs.values())
        assert beaten != (name in front)
    assert 0 < len(front) < len(costs)


def test_a_rate_far_from_all_others_is_named_not_drawn(study, tmp_path):
    far = made(tmp_path, "far", "autoencoder", rate=14.0)
    found = read([study, far], "test")
    assert [run.name for run in found.beyond] == ["far"]
    assert "far (1" in found.notes[-1]
    figure = against_rate.rate_distortion(found)
    assert "far" not in points(figure)
    assert "far (R = 1" in figure.axes[0].get_title(loc="right")


def test_each_run_has_its_row_or_panel(comparison):
    runs = len(comparison.latent)
    cost, says = each_run.bounds(comparison).axes
    assert len(cost.patches) == 2 * runs
    assert len(says.get_yticks()) == runs
    ends = cost.patches[1].get_x() + cost.patches[1].get_width()
    assert ends == pytest.approx(-comparison.latent[0].estimate("elbo").value)
    assert sum(ax.get_visible() for ax in each_run.densities(comparison).axes) == runs
    assert [ax.get_title() for ax in each_run.trajectories(comparison).axes] == ["free_bits", "mdr"]
    assert len(each_run.paired(comparison).axes[0].get_yticks()) == runs
    assert len(each_run.membership(comparison).axes[0].get_yticks()) == runs + 2


def test_targets_are_on_the_axis_of_the_trajectories(comparison):
    mdr = each_run.trajectories(comparison).axes[1]
    assert list(mdr.get_yticks()) == [0, 1, 2, 3]
    assert len(mdr.lines) == 6 + 3


def test_densities_integrate_to_one():
    posteriors = torch.randn(400, 20) * 0.8, torch.full((400, 20), 0.6)
    normal = PerText(*(torch.zeros(400),) * 3, torch.ones(400), *posteriors, torch.arange(400))
    line = torch.linspace(-8, 8, 201, dtype=torch.float64)
    found = each_run.unit_densities(normal, line)
    assert found.shape == (each_run.UNITS, 201)
    assert torch.trapezoid(found, line).tolist() == pytest.approx([1.0] * each_run.UNITS, abs=1e-3)


def test_sentences_agree_with_the_numbers(comparison):
    text = "\n".join(summary.sentences(comparison))
    best = max(comparison.runs, key=lambda run: run.estimate("log_likelihood").value)
    assert f"Highest log-likelihood: {best.name}," in text
    assert "the marginal KL of free_bits" in text
    for run in comparison.front:
        assert run.name in text.split("Pareto front")[1]
    assert "8 families" not in summary.about(comparison)
    assert summary.about(comparison).startswith(
        "9 runs · 3 families of objectives · 2 seeds · gaussian (test split, 150"
    )


def test_a_family_has_the_same_colour_on_every_page(tmp_path):
    runs = [made(tmp_path, name, name) for name in ("vae", "free_bits", "lagging", "mdr")]
    together = read(runs, "test").looks
    for run in runs:
        if run.name != "lagging":
            assert read([run], "test").looks[run.name] == together[run.name]
    assert len(set(together.values())) == 4


def test_a_caption_mentions_only_what_is_drawn(tmp_path):
    single = read([made(tmp_path, "vae", "vae", entropy=None)], "test")
    captions = {plate.name: plate.caption(single) for plate in PLATES}
    assert "dashed" not in captions["rate-distortion"]
    assert "joins" not in captions["rate-distortion"]
    assert " H" not in captions["bounds"]
    assert "paired" not in captions["log-likelihood"]
    model = read([tmp_path / "vae", made(tmp_path, "lm", LANGUAGE_MODEL, entropy=None)], "test")
    assert "dashed" in PLATES[0].caption(model)


def test_the_page_defines_its_numbers_and_gives_commands(page):
    for name in ("rate", "marginal_kl", "log_likelihood"):
        assert f'href="#define-{name}"' in page
        assert f'id="define-{name}"' in page
    assert '<pre class="command"' in page


def test_more_families_than_colours_still_differ(tmp_path):
    others = [term for term in choices.names("terms") if term not in ("distortion", "rate")]
    objectives = [{"terms": {"distortion": 1, "rate": 1, term: 1}} for term in others[:10]]
    found = read([made(tmp_path, f"r{i}", o) for i, o in enumerate(objectives)], "test")
    assert len(set(found.looks.values())) == len(objectives) > len(PALETTE)


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


def test_an_objective_that_cannot_be_built_here_has_no_target(tmp_path):
    found = read([made(tmp_path, "elsewhere", {"terms": {"distortion": 1, "of_a_plugin": 1}})], "test")
    assert found.runs[0].target is None
    assert found.runs[0].label == "distortion + of_a_plugin"
