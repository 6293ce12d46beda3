"""Runs of one configuration: which pairs are compared."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.report.test_page import TEXTS, made

from vaescope.evidence.per_text import PerText
from vaescope.report.comparison import read
from vaescope.report.seeds import agreements, same_configuration


@pytest.fixture
def folder(tmp_path):
    """Three seeds of one configuration, the second of which has the code of the first in other axes, and two more."""
    for seed in range(3):
        path = made(tmp_path, f"mdr-{seed}", {"preset": "mdr", "rate": 2}, seed=seed)
        if seed == 1:
            file = path / "assessment-test-texts.safetensors"
            code = PerText.load(tmp_path / "mdr-0" / file.name).posterior_mean
            turned = torch.stack([code[:, 0] + code[:, 1], code[:, 0] - code[:, 1]], 1) / 2**0.5
            replace(PerText.load(file), posterior_mean=turned).save(file)
    made(tmp_path, "other", {"preset": "mdr", "rate": 3}, rate=3.0, seed=5)
    made(tmp_path, "lm", "language_model", seed=6)
    return tmp_path


def test_seeds_of_one_configuration_are_compared_and_no_others(folder):
    comparison = read([folder], "test")
    assert {(a.name, b.name) for a, b in same_configuration(comparison)} == {
        ("mdr-0", "mdr-1"),
        ("mdr-0", "mdr-2"),
        ("mdr-1", "mdr-2"),
    }
    found, notes = agreements(comparison)
    assert notes == []
    same, *others = [pair.agreement.linear for pair in found]
    assert same.value == pytest.approx(1, abs=1e-6)
    assert all(abs(other.value) < 0.3 for other in others)  # the draws of the other seed are of other data
    assert same.n == TEXTS
