"""The rate of false alarms of every comparison with the prior, over seeds, if q(z) is the prior."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import torch

from vaescope import Draws, choices
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.gaussian import log_density, standard_log_density
from vaescope.evidence.evidence import Evidence

TRUTHS = {
    "kolmogorov_smirnov": {"kolmogorov_smirnov": 0.0},
    "radius": {"radius": 0.0, "radius_squared": 1.0},
    "moments": {},
    "moment_kl": {"moment_kl": 0.0},
    "mmd": {"mmd": 0.0},
    "sliced_wasserstein": {"sliced_wasserstein": 0.0},
    "holes": {"holes": 0.01, "holes_nats": 0.0},
    "classifier_two_sample": {"classifier_two_sample_boosting": 0.0, "classifier_two_sample_logistic": 0.0},
}
"""The estimates of each comparison, with the truth where q(z) = p(z)."""
ANY_PRIOR = [name for name in TRUTHS if name not in ("moments", "moment_kl")]
CHEAP = [name for name in TRUTHS if name not in ("mmd", "classifier_two_sample", "moments")]


def normal(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(count, size, generator=generator, dtype=torch.float64)


def two_hills(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    side = torch.randint(2, (count, 1), generator=generator).double()
    return 3 * side - 1.5 + 0.5 * normal(count, size, generator)


def encoded(law, *, texts: int, size: int, seed: int, samples: int = 0) -> Evidence:
    """Sharp codes whose z are samples of the prior, which is N(0, I) unless it is given by samples."""
    generator = torch.Generator().manual_seed(seed)
    z_ND = law(texts, size, generator)
    std_ND = torch.full_like(z_ND, 0.05)
    mean_ND = z_ND - std_ND * normal(texts, size, generator)
    draws = Draws(
        posterior_mean=mean_ND,
        posterior_std=std_ND,
        z=z_ND[None],
        log_p_x_z=torch.zeros(1, texts),
        log_p_z=standard_log_density(z_ND[None]).sum(-1),
        log_q_z_x=log_density(z_ND, mean_ND, std_ND).sum(-1)[None],
        tokens=torch.full((texts,), 5),
        prior_z=law(samples, size, generator) if samples else None,
    )
    return Evidence.of(draws)


def rates(names, repetitions: int, evidence_of_seed) -> tuple[dict[str, float], dict[str, Counter]]:
    """The share of repetitions whose interval excludes the truth, by estimate; and the verdicts, by diagnostic."""
    missed: Counter = Counter()
    verdicts: dict[str, Counter] = {name: Counter() for name in names}
    for seed in range(repetitions):
        known = evidence_of_seed(seed=seed)
        for name in names:
            diagnostic = choices.build("diagnostics", name)
            found = diagnostic.estimate(known)
            for estimate, truth in TRUTHS[name].items():
                e = found[estimate]
                above = e.high + 1e-9 < truth and e.kind != "lower"
                missed[estimate] += e.low - 1e-9 > truth or above
            verdicts[name].update(f.verdict for f in diagnostic.findings(found, known, Thresholds()))
    return {name: count / repetitions for name, count in missed.items()}, verdicts


def alarms(verdicts: dict[str, Counter], repetitions: int) -> dict[str, float]:
    return {name: (found["FAIL"] + found["WARN"]) / repetitions for name, found in verdicts.items()}


@pytest.mark.parametrize(("law", "samples"), [(normal, 0), (two_hills, 400)], ids=["standard", "sampled"])
def test_few_false_alarms(law, samples):
    """20 repetitions: of a nominal rate of 5% more than 5 come once in 3,000 times."""
    names = [name for name in CHEAP if name in ANY_PRIOR or not samples]
    missed, verdicts = rates(names, 20, partial(encoded, law, texts=60, size=2, samples=samples))
    assert max(missed.values()) <= 0.25, missed
    assert max(alarms(verdicts, 20).values()) <= 0.25, verdicts


@pytest.mark.slow
@pytest.mark.parametrize(("texts", "size"), [(100, 2), (300, 16)])
@pytest.mark.parametrize(("law", "samples"), [(normal, 0), (two_hills, 1000)], ids=["standard", "sampled"])
def test_false_alarms_are_at_most_at_their_nominal_rate(law, samples, texts, size):
    """400 repetitions, in which a rate of 5% shows as at most 8% but once in 300 times."""
    names = ANY_PRIOR if samples else list(TRUTHS)
    missed, verdicts = rates(names, 400, partial(encoded, law, texts=texts, size=size, samples=samples))
    assert max(missed.values()) <= 0.08, missed
    assert max(alarms(verdicts, 400).values()) <= 0.08, verdicts
    assert sum(found["FAIL"] for found in verdicts.values()) == 0, verdicts
