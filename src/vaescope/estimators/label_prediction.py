"""How well labels can be predicted from features: cross-validated logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

FOLDS = 5


@dataclass(frozen=True)
class LabelPrediction:
    """Cross-validated predictions for N labels: each by a classifier that was not trained on it.

    Attributes:
        right: whether the most probable label is the true one, ``[N]``, bool.
        gains: log q(label | features) - log of the label's share, in nats, ``[N]``; the mean is in expectation at most
            I(features; label).
        shares: the share of each label, ``[L]``; the largest is the accuracy of always saying the most common label.
    """

    right: Tensor
    gains: Tensor
    shares: Tensor

    @property
    def entropy(self) -> float:
        """H(label) in nats, of the observed shares: the upper bound of the gain."""
        return -(self.shares * self.shares.log()).sum().item()


def predict_labels(
    features: Tensor | Any, labels: list[str], *, scale: bool = True, reader: Any = None
) -> LabelPrediction:
    """Predict labels by logistic regression, or another classifier, cross-validated in 5 stratified folds.

    Args:
        features: ``[N, F]``, a tensor or a sparse matrix of scikit-learn.
        labels: one of at least two labels for each row, each label at least 5 times.
        scale: give every feature mean 0 and variance 1 (a sparse matrix cannot be).
        reader: a classifier of scikit-learn instead of logistic regression.

    >>> z = torch.cat([torch.zeros(50, 1), torch.ones(50, 1)])
    >>> predict_labels(z, ["down"] * 50 + ["up"] * 50).right.float().mean().item()
    1.0
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, own_N = np.unique(np.array(labels), return_inverse=True)
    classifier = reader if reader is not None else LogisticRegression(max_iter=1000)
    whole = make_pipeline(StandardScaler(), classifier) if scale else classifier
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    rows = features.double().numpy() if isinstance(features, Tensor) else features
    chance_NL = torch.from_numpy(cross_val_predict(whole, rows, own_N, cv=folds, method="predict_proba"))
    own = torch.from_numpy(own_N)
    shares_L = own.bincount().double() / len(own)
    gains_N = chance_NL.gather(1, own[:, None]).squeeze(1).clamp(min=1e-12).log() - shares_L[own].log()
    return LabelPrediction(chance_NL.argmax(1) == own, gains_N, shares_L)
