"""The classifier two-sample test: the held-out gain of a classifier is a lower bound on a divergence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from torch import Tensor

from vaescope.randomness import numpy_stream

CLASSIFIERS = ("boosting", "logistic")
MOST_PRODUCTS = 40
"""Largest dimension in which the logistic classifier has products of pairs as features; beyond it, only squares."""


@dataclass(frozen=True)
class TwoSample:
    """Results of a classifier on held-out samples.

    Attributes:
        gains: log 2 - cross-entropy of each held-out sample, in nats; the mean is in expectation at most the
            Jensen-Shannon divergence of the two distributions.
        accuracy: share of held-out samples that are classified correctly; 1/2 by chance.
        p_value: of accuracy 1/2, by the binomial test, one-sided.
    """

    gains: Tensor
    accuracy: float
    p_value: float


def two_sample(x_ND: Tensor, y_ND: Tensor, classifier: str, *, seed: int = 0) -> TwoSample:
    """Train a classifier of x against y on half of each and test it on the other half.

    ``boosting`` (trees, shallow and with early stopping) detects any shape of single units and pairs; ``logistic`` with
    squares and products is best at mean and covariance. Lopez-Paz and Oquab 2017.
    """
    generator = numpy_stream(seed, "halves of the samples")
    halves = [_halves(sample.double().numpy(), generator) for sample in (x_ND, y_ND)]
    train, test = (np.concatenate([halves[0][part], halves[1][part]]) for part in (0, 1))
    train_labels, test_labels = (
        np.concatenate([np.zeros(len(halves[0][part])), np.ones(len(halves[1][part]))]) for part in (0, 1)
    )
    model = _classifier(classifier, train.shape, seed).fit(train, train_labels)
    chance = model.predict_proba(test)[np.arange(len(test)), test_labels.astype(int)]
    gains = math.log(2) + np.log(np.clip(chance, 1e-12, None))
    # a predicted probability of 1/2 is right half of the time
    right = int((chance > 0.5).sum()) + int((chance == 0.5).sum()) // 2
    p = stats.binomtest(right, len(test), alternative="greater").pvalue
    return TwoSample(torch.from_numpy(gains), right / len(test), float(p))


def _halves(sample: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    shuffled = sample[generator.permutation(len(sample))]
    return shuffled[: len(sample) // 2], shuffled[len(sample) // 2 :]


def _classifier(name: str, shape: tuple[int, int], seed: int) -> HistGradientBoostingClassifier | Pipeline:
    count, size = shape
    if name == "boosting":
        # with leaves of 20 samples (the default), few samples would not be split at all
        leaf = max(2, min(20, count // 10))
        return HistGradientBoostingClassifier(
            max_iter=100,
            learning_rate=0.05,
            max_leaf_nodes=8,
            min_samples_leaf=leaf,
            early_stopping=True,
            random_state=seed,
        )
    all_pairs = size <= MOST_PRODUCTS
    products = PolynomialFeatures(2, include_bias=False) if all_pairs else FunctionTransformer(_with_squares)
    features = size * (size + 3) // 2 if all_pairs else 2 * size
    # with more features, coefficients must be smaller so that equal distributions give no gain
    logistic = LogisticRegression(C=1 / features, max_iter=200)
    return make_pipeline(StandardScaler(), products, StandardScaler(), logistic)


def _with_squares(features: np.ndarray) -> np.ndarray:
    return np.concatenate([features, features**2], 1)
