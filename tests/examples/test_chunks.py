"""The chunk example: its parts agree with their definitions, and the whole script runs on the built-in corpus."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "examples" / "chunks"
MODULES = ("chunks", "model", "texts")


@pytest.fixture(scope="module", autouse=True)
def example():
    """The module of the script, whose neighbours are imported as it imports them."""
    sys.path.insert(0, str(FOLDER))
    import chunks

    yield chunks
    sys.path.remove(str(FOLDER))
    for name in MODULES:
        sys.modules.pop(name, None)


def test_texts_of_other_lengths_are_left_out():
    from texts import in_chunks

    found, kept = in_chunks([[0, 5, 6, 2], [0, 5, 6, 7, 8, 2], [0, 5, 6, 7, 8, 9, 5, 6, 2], [0, *[5] * 8, 2]], 2, 1)
    assert kept == [1, 2]
    assert found.tolist() == [[[5, 6, 7, 8], [2, 1, 1, 1]], [[5, 6, 7, 8], [9, 5, 6, 2]]]


def test_a_trigram_model_is_normalised_and_prefers_what_it_has_read():
    from texts import Trigrams

    model = Trigrams(torch.tensor([[[5, 6, 2, 1]], [[5, 7, 2, 1]], [[5, 6, 2, 1]]]), 9, 1)
    for history in ((-1, -1), (-1, 5), (5, 6), (8, 8)):
        assert sum(model.probability(token, history) for token in range(9)) == pytest.approx(1)
    seen, unseen = model.costs(torch.tensor([[[5, 6, 2, 1]], [[8, 8, 2, 1]]]))
    assert seen < 1 < 3 * math.log(9) - 2 < unseen


def test_the_clamp_frees_each_unit_of_each_text():
    from model import clamp

    kl_nkd = torch.tensor([[[0.1, 2.0]], [[0.7, 0.0]]])
    expected = ((1 + 0.5 + 2.0) + (3 + 0.7 + 0.5)) / 2
    assert clamp(0.5)(torch.tensor([1.0, 3.0]), kl_nkd).item() == pytest.approx(expected)


def test_the_prior_reads_only_earlier_latents():
    from model import AutoregressivePrior

    torch.manual_seed(0)
    prior = AutoregressivePrior(latent=3, width=8)
    torch.nn.init.normal_(prior.predict.weight)
    z = torch.randn(2, 4, 3)
    changed = z.clone()
    changed[:, 2] += 1
    difference = (prior(changed).mean - prior(z).mean).abs().amax((0, 2))
    assert (difference[:3] == 0).all()
    assert difference[3] > 0
    assert prior.sample(5, 4).shape == (5, 4, 3)


def test_the_script_runs_on_the_built_in_corpus(example, tmp_path, capsys):
    out = tmp_path / "new" / "chunks.json"
    options = {"steps": 4, "texts": 60, "drawn": 1000, "vocabulary": 300, "target": 40, "out": out}
    example.main([word for name, value in options.items() for word in (f"--{name}", str(value))])
    found = json.loads(out.read_text())
    assert "learned prior" in capsys.readouterr().out
    for name in ("clamp", "mdr"):
        for kind in ("standard", "learned"):
            numbers = found[name][kind]
            information, marginal_kl = numbers["mutual_information"], numbers["marginal_kl"]
            rate = numbers["rate"]["value"]
            assert rate == pytest.approx(information["value"] + marginal_kl["value"], abs=1e-6)
            assert 3 * numbers["latent_sequence"]["value"] == pytest.approx(rate, abs=1e-3)
            assert information["low"] < numbers["information_ceiling"]["high"]
    assert found["settings"]["texts"] <= 60
