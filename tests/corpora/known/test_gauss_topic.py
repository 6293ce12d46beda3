import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate

from vaescope.corpora.known import gauss_topic
from vaescope.corpora.known.gauss_topic import GaussTopic

from .enumeration import check_by_enumeration

TINY = [{"groups": 3, "length": 3, "words": 2}, {"groups": 5, "length": 4, "words": 1, "scale": 3.0}]


@pytest.mark.parametrize("options", TINY)
def test_all_numbers_by_enumeration(options):
    corpus = GaussTopic(**options)
    texts = [" ".join(words) for words in itertools.product(corpus.vocabulary, repeat=corpus.length)]
    check_by_enumeration(corpus, texts)


def test_log_prob_by_adaptive_integration():
    corpus = GaussTopic(groups=3, length=3, words=1)
    a, b, _ = corpus.vocabulary
    u, order = corpus.u_G2.numpy(), [corpus._lexicon.groups.index([word]) for word in (a, b, b)]

    def joint(y: float, x: float) -> float:
        logits = u @ [x, y]
        log_p = logits[order].sum() - 3 * np.log(np.exp(logits).sum())
        return math.exp(log_p - (x * x + y * y) / 2) / (2 * math.pi)

    p, _ = integrate.dblquad(joint, -7, 7, -7, 7, epsabs=1e-8)
    assert float(corpus.log_prob([f"{a} {b} {b}"])) == pytest.approx(math.log(p), abs=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 4, "scale": 3.0, "length": 11},
        {"groups": 3, "scale": 2.0, "length": 25},
        {"groups": 3, "scale": 1.0, "length": 40},
    ],
)
def test_a_finer_and_wider_grid_changes_less_than_the_stated_error(options, monkeypatch):
    coarse = GaussTopic(**options)
    monkeypatch.setattr(gauss_topic, "SPACING", 0.06)
    monkeypatch.setattr(gauss_topic, "RADIUS", 8.1)
    fine = GaussTopic(**options)
    for a, b in zip(coarse._table, fine._table, strict=True):
        assert float((a - b).abs().max()) < GaussTopic.numerical_error
    assert coarse.entropy() == pytest.approx(fine.entropy(), abs=1e-8)
    assert coarse.mutual_information() == pytest.approx(fine.mutual_information(), abs=1e-8)


def test_bayes_rule_holds_on_the_grid():
    corpus = GaussTopic(groups=4, length=6)
    texts = corpus.sample(5, seed=1)
    posterior = corpus.posterior_on_grid(texts)
    torch.testing.assert_close(posterior.sum(1), torch.ones(5, dtype=torch.float64))
    points = slice(9_900, 10_000)
    z_PN2 = corpus.grid_Z2[points, None, :].expand(-1, 5, -1)
    log_joint_PN = corpus.log_prob_given(texts, z_PN2) + corpus._log_v_Z[points, None]
    torch.testing.assert_close(log_joint_PN - corpus.log_prob(texts), posterior[:, points].log().T)
    assert corpus.posterior_on_grid(["zzz"]).isnan().all()


def test_the_posterior_is_calibrated_for_the_sampled_z():
    corpus = GaussTopic(groups=3, length=8)
    texts, z = corpus.sample_with_cause(500, seed=2)
    posterior = corpus.posterior_on_grid(texts)
    mean = posterior @ corpus.grid_Z2
    variance = posterior @ corpus.grid_Z2**2 - mean**2
    scores = torch.cat([(z - mean) * mean, (z - mean) ** 2 - variance], dim=1)
    assert (scores.mean(0).abs() < 4 * scores.std(0) / math.sqrt(len(texts))).all()


def test_information_is_the_divergence_of_the_grid_posterior():
    corpus = GaussTopic(groups=4, length=6)
    texts = corpus.sample(5, seed=3)
    posterior = corpus.posterior_on_grid(texts)
    divergence = torch.xlogy(posterior, posterior / corpus._log_v_Z.exp()).sum(1)
    torch.testing.assert_close(corpus.information(texts), divergence)


def test_counts_are_all_listed_once():
    counts = gauss_topic._compositions(4, 3)
    assert len(counts) == math.comb(6, 2)
    assert (counts.sum(1) == 4).all()
    assert len(np.unique(counts, axis=0)) == len(counts)


def test_without_scale_there_is_no_information():
    assert GaussTopic(groups=3, scale=0.0, length=5).mutual_information() == pytest.approx(0, abs=1e-12)
