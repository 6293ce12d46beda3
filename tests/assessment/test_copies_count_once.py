"""Every diagnostic on texts that appear four times each: no error is smaller than that of the texts once."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from vaescope import assess
from vaescope.assessment.diagnostics.reconstruction import Reconstruction
from vaescope.estimators.copies import Copies
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Inference, Interpolation, Tokens
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import complete

TIMES, TEXTS = 4, 60

ONLY_OF_DRAWN_TEXTS = {"annealed_likelihood", "annealed_likelihood_width", "posterior_calibration"}


def repeat(record, names, dim=0):
    """The record with the rows of some tensors repeated."""
    return replace(record, **{name: getattr(record, name).repeat_interleave(TIMES, dim) for name in names})


def copied(known: Evidence) -> Evidence:
    """Each text with all its evidence ``TIMES`` times; the texts that the model drew do not change."""
    draws, index = known.draws, torch.arange(TEXTS).repeat_interleave(TIMES)
    tensors = {}
    for name, value in draws.tensors().items():
        tensors[name] = value[index] if value.shape[0] == TEXTS else value[:, index]
    shuffled_from = draws.shuffled_from[index] * TIMES + torch.arange(len(index)) % TIMES
    again = replace(draws, **tensors | {"shuffled_from": shuffled_from, "log_q_x": None, "text_id": index})
    experiments = known.experiments
    tokens = repeat(experiments.tokens, [f.name for f in fields(Tokens)])
    text = torch.arange(10).repeat_interleave(3 * TIMES) * TIMES + torch.arange(TIMES).repeat(30)
    experiments = replace(
        experiments,
        tokens=replace(tokens, text=text),
        attention=experiments.attention.repeat_interleave(TIMES, 1),
        inference=repeat(experiments.inference, [f.name for f in fields(Inference)]),
        interpolation=repeat(experiments.interpolation, [f.name for f in fields(Interpolation) if f.name != "steps"]),
    )
    facts, rows = known.facts, index.tolist()
    per_text = [facts.language_model_nll.per_text[i] for i in rows]
    facts = replace(
        facts,
        strings=[facts.strings[i] for i in rows],
        labels=[facts.labels[i] for i in rows],
        language_model_nll=replace(facts.language_model_nll, per_text=per_text),
    )
    seeds = torch.arange(len(index))
    simulations = replace(
        known.simulations,
        seeds=seeds,
        resampled=[known.simulations.resampled[i] for i in rows],
        reconstructions=[known.simulations.reconstructions[i] for i in rows],
    )
    return replace(known, draws=again, facts=facts, simulations=simulations, experiments=experiments)


@pytest.fixture(scope="module")
def both():
    known = complete(LinearGaussian.matched(latent_size=2, data_size=4, rate=3.0), n=TEXTS)
    draws = replace(known.draws, log_q_x=None, text_id=torch.arange(TEXTS))
    once = replace(known, draws=draws)
    return assess(once, suite="full"), assess(copied(once), suite="full")


def test_no_error_is_smaller_for_copies(both):
    once, again = both
    common = set(once.estimates) & set(again.estimates)
    assert len(common) > 45
    too_small = {
        name: (again.estimates[name].se, once.estimates[name].se)
        for name in common - ONLY_OF_DRAWN_TEXTS
        if again.estimates[name].se < 0.75 * once.estimates[name].se
    }
    assert not too_small


def test_no_number_of_texts_is_larger_for_copies(both):
    once, again = both
    per_text = {k: e for k, e in again.estimates.items() if e.kind not in ("interval", "exact") and k in once.estimates}
    larger = {name: (e.n, once.estimates[name].n) for name, e in per_text.items() if e.n > once.estimates[name].n}
    assert not larger


def test_exact_matches_of_one_text_a_hundred_times_are_one_observation():
    """99 of 100 rows are one text that is recovered: nothing is known about a third text."""
    texts = ["a b c d e"] * 99 + ["f g h i j"]
    from types import SimpleNamespace

    simulations = SimpleNamespace(seeds=torch.arange(100), reconstructions=texts)
    found = Reconstruction().estimate(SimpleNamespace(simulations=simulations, strings=texts))
    for name in ("reconstruction_exact", "reconstruction_bleu"):
        assert found[name].value == 1
        assert found[name].low < 0.2
        assert found[name].se > 0
    assert Copies.of_strings(texts).distinct == 2
