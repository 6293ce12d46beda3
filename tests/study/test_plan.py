"""A study file defines the product of its axes and seeds; a study that cannot run is refused at once."""

import math
import re
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.study.tiny import BASE, STUDY, write_study

from vaescope.errors import UserError
from vaescope.study.plan import read_plan

ROOT = Path(__file__).parents[2]
VALUES = {
    "model.latent_size": st.integers(1, 64),
    "training.samples": st.integers(1, 8),
    "training.learning_rate": st.floats(1e-6, 1.0),
    "model.word_dropout": st.floats(0.0, 0.9),
}


def of(config, key):
    for part in key.split("."):
        config = getattr(config, part)
    return config


@st.composite
def studies(draw):
    keys = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True))
    grid = {}
    for key in keys:
        values = draw(st.lists(VALUES[key], min_size=1, max_size=3, unique=True))
        labelled = draw(st.booleans())
        grid[key] = {f"{i}th value": value for i, value in enumerate(values)} if labelled else values
    seeds = draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    steps = draw(st.integers(1, 1000))
    return grid, seeds, steps


@settings(max_examples=25, deadline=None)
@given(studies())
def test_runs_are_the_product_of_axes_and_seeds(study):
    grid, seeds, steps = study
    with tempfile.TemporaryDirectory() as folder:
        path = write_study(Path(folder), grid=grid, seeds=seeds, control=None)
        plan = read_plan(path, [f"run.training.steps={steps}"])
        again = read_plan(plan.save())
    assert len(plan.runs) == len(seeds) * math.prod(map(len, grid.values()))
    assert len({run.name for run in plan.runs}) == len(plan.runs)
    settings_of_runs = set()
    for run in plan.runs:
        assert run.config.training.steps == steps
        assert run.config.out == plan.folder(run.name)
        assert re.fullmatch(r"[\w.+=-]+", run.name)
        settings_of_runs.add((*(of(run.config, key) for key in grid), run.config.seed))
    assert len(settings_of_runs) == len(plan.runs)
    assert again.runs == plan.runs


def test_a_control_takes_no_snapshots_and_the_others_do(tmp_path):
    plan = read_plan(write_study(tmp_path), ["run.training.snapshots=[0, 1]"])
    for run in plan.runs:
        assert run.config.training.snapshots == ([] if run.config.is_language_model else [0, 1])


def test_the_control_is_the_language_model_of_the_same_seed_and_comes_first(tmp_path):
    plan = read_plan(write_study(tmp_path, seeds=[0, 3]))
    names = [run.name for run in plan.runs]
    assert names[:2] == ["language_model_seed0", "language_model_seed3"]
    assert {run.name: run.control for run in plan.runs} == {
        name: None if name.startswith("language") else f"language_model_{name.rsplit('_', 1)[1]}" for name in names
    }
    assert plan.named("mdr-2_seed3").config.objective == {"preset": "mdr", "rate": 2}


def test_a_control_of_one_label_has_the_other_labels_of_its_run(tmp_path):
    grid = STUDY["grid"] | {"model.latent_size": [2, 4]}
    plan = read_plan(write_study(tmp_path, grid=grid))
    assert plan.named("vae_4_seed0").control == "language_model_4_seed0"
    plan = read_plan(write_study(tmp_path, grid=grid, control="language_model_2"))
    assert plan.named("vae_4_seed0").control == plan.named("language_model_4_seed0").control == "language_model_2_seed0"


def test_the_example_of_the_thesis_is_a_study():
    plan = read_plan(ROOT / "examples" / "thesis" / "study.yaml", ["run.data.path=FOLDER", "seeds=[1]"])
    assert len(plan.runs) == 24
    run = plan.named("cyclical_free_bits-8_seed1")
    assert run.config.out == Path("runs/thesis/cyclical_free_bits-8_seed1")
    assert (str(run.config.data.path), run.config.seed, run.control) == ("FOLDER", 1, "language_model_seed1")


def test_the_base_may_be_part_of_the_study_file(tmp_path):
    inline = read_plan(write_study(tmp_path, base=BASE))
    assert inline.runs == read_plan(write_study(tmp_path)).runs


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sedes": [0]}, "unknown key 'sedes'; did you mean 'seeds'?"),
        ({"grid": {}}, "grid: no key"),
        ({"grid": {"objective": []}}, "objective: no values"),
        ({"grid": {"objective": "vae"}}, "objective: give {label: value}"),
        ({"grid": {"objective": ["vae", "vae"]}}, "objective: 'vae' appears twice"),
        ({"grid": {"objective": {"a": "vae", "b": "vae"}}}, "'a' and 'b' are the same value"),
        ({"grid": {"objective": [{"preset": "mdr", "rate": 2}]}}, "needs a label"),
        ({"grid": {"objectiv": ["vae"]}, "control": None}, "unknown key 'objectiv'; did you mean 'objective'?"),
        ({"grid": {"objective": ["vea"]}, "control": None}, "vea_seed0: objective: unknown objective 'vea'; did you"),
        ({"grid": {"training.steps": [5, -1]}, "control": None}, "-1_seed0: training.steps"),
        ({"grid": {"seed": [0, 1]}, "control": None}, "set seeds=[...]"),
        ({"grid": {"model": {"a": {}}, "model.latent_size": [2]}, "control": None}, "set the same key"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "a seed appears twice"),
        ({"seeds": [-1]}, "seeds"),
        ({"control": "language_modle"}, "unknown control 'language_modle'; did you mean 'language_model'?"),
        ({"control": "vae"}, "vae_seed0 is not a language model"),
        (
            {"grid": {"objective": {"x y": "vae", "x-y": "autoencoder"}}, "control": None},
            "two runs are called x-y_seed0",
        ),
        ({"base": "nowhere.yaml"}, "nowhere.yaml: no such configuration file"),
    ],
)
def test_a_study_that_cannot_run_is_refused(tmp_path, changes, says):
    path = write_study(tmp_path, **changes)
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        read_plan(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.known=pcfg", "by run.data.known=pcfg"),
        ("run.out=elsewhere", "set seeds=[...] or out=FOLDER"),
        ("run.objective=vae", "objective and objective set the same key"),
        ("run.training.stepz=3", "did you mean 'training.steps'"),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused(tmp_path, override, says):
    with pytest.raises(UserError, match=re.escape(says)):
        read_plan(write_study(tmp_path), [override])


def test_a_key_that_appears_twice_is_refused(tmp_path):
    path = write_study(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "seeds: [1]\n", encoding="utf-8")
    with pytest.raises(UserError, match="'seeds' appears twice"):
        read_plan(path)


def test_the_resolved_study_needs_no_other_file(tmp_path):
    path = write_study(tmp_path)
    plan = read_plan(path, ["run.training.steps=9", "seeds=[4]"])
    saved = plan.save()
    for file in (path, tmp_path / "base.yaml"):
        file.unlink()
    assert saved == tmp_path / "out" / "study.yaml"
    assert read_plan(saved).runs == plan.runs
    assert yaml.safe_load(saved.read_text(encoding="utf-8"))["seeds"] == [4]
