"""Information of single units about labels: against quadrature, its ceiling, its null, and copies of texts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from vaescope import assess
from vaescope.assessment.diagnostics.disentanglement import Disentanglement
from vaescope.corpora.known.topic_pcfg import TopicPcfg
from vaescope.errors import Missing
from vaescope.estimators.estimate import mean_of
from vaescope.estimators.unit_information import completeness, disentanglement, read_units
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.facts import Facts
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import draws_at, draws_of


def two_causes(n: int, seed: int = 0, *, turned: bool = False, rate: float = 5.0) -> tuple[Evidence, LinearGaussian]:
    """Texts of a matched model whose labels are the signs of the z that made them, in units 0 and 1.

    ``turned``: the encoder rotates its codes at random, so that no unit is special.
    """
    vae = LinearGaussian.matched(latent_size=4, data_size=6, rate=rate)
    generator = torch.Generator().manual_seed(seed)
    z_ND = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    x_Nn = z_ND @ vae.weight.mT + vae.bias + torch.randn(n, 6, generator=generator, dtype=torch.float64)
    draws = draws_of(vae, x_Nn, samples=1, seed=seed)
    if turned:
        noise = torch.randn(4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        draws = draws_at(draws.z[0] @ torch.linalg.qr(noise).Q, 1e-3, seed=seed)
    signs = {f"sign{j}": ["up" if value > 0 else "down" for value in z_ND[:, j].tolist()] for j in (0, 1)}
    return Evidence(draws, facts=Facts(labels=signs)), vae


def sign_information(vae: LinearGaussian, unit: int) -> float:
    """I(z_d; sign) of a code z ~ q(z|x), x ~ p(x|c), c ~ N(0, 1): both are normal, with correlation 1 - 1/(1 + s)."""
    correlation = 1 - vae.encoder_std[unit].item() ** 2
    grid = np.linspace(-8, 8, 4001)
    up = stats.norm.cdf(correlation * grid / math.sqrt(1 - correlation**2))
    entropy = -stats.norm.pdf(grid) * sum(p * np.log(np.maximum(p, 1e-300)) for p in (up, 1 - up))
    return math.log(2) - float(np.trapezoid(entropy, grid))


def test_information_of_a_unit_is_that_of_quadrature():
    known, vae = two_causes(3000)
    found = Disentanglement().estimate(known)
    for unit in (0, 1):
        truth = sign_information(vae, unit)
        nats, gap = (found[f"disentanglement_{name}_sign{unit}"] for name in ("information", "mig"))
        assert nats.low - 0.01 <= truth
        assert nats.value == pytest.approx(truth, abs=4 * nats.se)
        assert gap.value == pytest.approx(truth / math.log(2), abs=4 * gap.se)
        assert {pair[0] for pair in gap.detail["best_units"]} == {unit}
        assert gap.value > gap.detail["rotated"]
    assert found["disentanglement_units"].value > 0.95
    assert found["disentanglement_labels"].value > 0.9


@pytest.mark.slow
def test_intervals_of_the_gap_cover_the_truth():
    held = 0
    for seed in range(100):
        known, vae = two_causes(1000, seed)
        gap = Disentanglement().estimate(known)["disentanglement_mig_sign0"]
        held += gap.low - 0.01 <= sign_information(vae, 0) / math.log(2) <= gap.high + 0.01
    assert held >= 92


def test_units_of_a_rotated_code_are_no_better_than_random_directions():
    known, _ = two_causes(800, turned=True)
    found = assess(known, diagnostics=["disentanglement"])
    assert not any(f.verdict == "PASS" for f in found.findings if f.name.startswith("disentanglement"))
    assert found.estimates["disentanglement_units"].value < 0.9


def test_a_label_that_z_does_not_contain_is_found_in_at_most_five_percent():
    informed = apart = 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        chance = torch.randint(3, (200,), generator=generator).tolist()
        found = read_units(torch.randn(200, 8, generator=generator), ["abc"[i] for i in chance])
        informed += mean_of(found.best(), unit="nats").low > 0
        apart += mean_of(found.gap(found.gains, torch.zeros(200))[0], unit="nats").low > 0
    assert max(informed, apart) <= 10


def test_a_known_corpus_gives_the_exact_ceiling():
    corpus = TopicPcfg(topics=4)
    texts, topics_N = corpus.sample_with_cause(1500, seed=5)
    best_N = corpus.posterior(texts).argmax(1).double()  # the best one-unit code of the topic
    other_N = torch.randn(1500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ceiling = corpus.mutual_information()
    facts = Facts(labels=[str(k) for k in topics_N.tolist()], label_information=ceiling)
    draws = draws_at(torch.stack([other_N, best_N], 1), 0.05)
    found = Disentanglement().estimate(Evidence(replace(draws, text_id=torch.arange(1500)), facts=facts))
    nats = found["disentanglement_information"]
    assert nats.ceiling == ceiling < math.log(4)
    assert 0.7 * ceiling < nats.value <= ceiling + 3 * nats.se
    assert found["disentanglement_mig"].detail["ceiling"] == pytest.approx(ceiling / math.log(4), rel=0.01)


def test_copies_count_once():
    generator = torch.Generator().manual_seed(1)
    mean_UD = torch.randn(60, 12, generator=generator, dtype=torch.float64)
    labels = ["ab"[i] for i in torch.randint(2, (60,), generator=generator).tolist()]
    text = torch.arange(60).repeat(8)
    copied = Evidence(
        replace(draws_at(mean_UD[text], 0.05), text_id=text), facts=Facts(labels=[labels[i] for i in text])
    )
    found = Disentanglement().estimate(copied)["disentanglement_information"]
    assert found.n == 60
    assert found.low < 0


def test_entropies_of_importance():
    assert disentanglement(torch.tensor([[1.0, 1.0], [0.0, 2.0]])).item() == pytest.approx(0.5)
    assert completeness(torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item() == pytest.approx(0.0, abs=1e-6)


def test_labels_of_too_few_texts_are_skipped():
    known, _ = two_causes(60)
    rare = replace(known, facts=Facts(labels=[str(i) for i in range(60)]))
    with pytest.raises(Missing, match="no kind of label with 2 labels in 20 texts"):
        Disentanglement().estimate(rare)
