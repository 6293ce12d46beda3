"""The page of the third axis: its numbers come from the small files of the finished runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "third_axis"


@pytest.fixture
def page(monkeypatch, tmp_path):
    """The module, writing to a folder of its own."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("page", "pictures"):
        sys.modules.pop(name, None)
    import page as module

    monkeypatch.setattr(module, "OUT", tmp_path / "third_axis")
    (tmp_path / "third_axis").mkdir()
    yield module
    for name in ("page", "pictures"):
        sys.modules.pop(name, None)


def run(label: str, *, seed: int = 0, rate: float = 8.0) -> dict:
    """A finished run as ``gather.py`` keeps it."""
    point = {"se": 0.1, "n": 100, "kind": "exact"}
    information = {"low": 5.0, "high": 5.4, "low_by": "text_space", "high_by": "training_marginal"}
    joint = {"value": 4.0, "decoder_mismatch": [1.0, 1.4]}
    trained = {
        "rate": {"value": rate, **point},
        "distortion": {"value": 100.0, **point},
        "log_likelihood": {"value": -105.0, **point},
    }
    if label != "language_model":
        trained["mutual_information"] = {"value": 5.0, **point, **information}
        trained["marginal_kl"] = {"value": 3.0, **point, "low": rate - 5.4, "high": rate - 5.0}
        trained["joint_inconsistency"] = {**point, **joint}
    curve = [{"step": step, "distortion": 110.0 - step / 100, "rate": rate} for step in range(100, 1001, 100)]
    world = {"entropy": {"value": 104.0, "se": 0.1}}
    return {
        "label": label,
        "seed": seed,
        "world": world,
        "curve": curve,
        "trained": trained,
        "refit": None,
        "decoder": None,
    }


def write(page, *runs: dict) -> None:
    """Keep the files of runs."""
    for content in runs:
        file = page.OUT / f"{content['label']}_seed{content['seed']}.json"
        file.write_text(json.dumps(content), encoding="utf-8")


def test_page_shows_each_run_by_objective_target_and_seed(page):
    write(page, run("mdr-16"), run("mdr-8", seed=1), run("mdr-8"), run("language_model", rate=0.0), run("vae"))
    assert [(r["label"], r["seed"]) for r in page.load()] == [
        ("language_model", 0),
        ("vae", 0),
        ("mdr-8", 0),
        ("mdr-8", 1),
        ("mdr-16", 0),
    ]
    page.main()
    text = page.OUT.with_suffix(".md").read_text(encoding="utf-8")
    assert "| `mdr-8`, seed 1 | 8.00 ± 0.10 | 100.00 ± 0.10 | [5.00, 5.40] | [2.60, 3.00] |" in text
    assert "<!--" not in text
    assert (page.OUT / "split.png").exists()


def test_gain_of_the_last_fifth_is_that_of_the_validation_loss(page):
    assert page.still_falls(run("vae")) == pytest.approx(2.0)


def test_a_study_may_have_a_run_on_another_world(page):
    other = run("mdr-8")
    other["world"] = {"entropy": {"value": 103.0, "se": 0.1}}
    write(page, run("vae"), other)
    page.main()
    text = page.OUT.with_suffix(".md").read_text(encoding="utf-8")
    assert "H(X) = 104.00" in text
    assert "H(X) = 103.00" in text
