"""Joint classifier: do pairs (x, z) from the model differ from pairs from data and encoder, in x, in z, or jointly?"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence, need

FOLDS = 4
BUCKETS = 64
FEWEST = 50


class JointClassifier(Diagnostic):
    """Held-out gains log 2 - cross-entropy of three classifiers, lower bounds on Jensen-Shannon divergences in nats.

    From x alone: the texts differ from the data. From z alone: the encodings differ from the prior. From both, beyond
    the larger of these: q(z|x) is not p(z|x) (or the decoder runs differently than in training). Features of x are
    hashed
    words, the length and the encoder's mean; of the pair also the standardised residual of z. Lopez-Paz and Oquab 2017.
    """

    no_truth: ClassVar[str] = "a lower bound that depends on the classifiers"
    blocked_by = ("identity_sampler",)
    suite = "full"
    consistency = True

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``joint_classifier`` (both beyond the larger of x and z) and the three gains."""
        gains = _gains(evidence)
        estimates = {
            f"joint_classifier_{name}": mean_of(gain_N, unit="nats", kind="lower") for name, gain_N in gains.items()
        }
        better = "x" if estimates["joint_classifier_x"].value > estimates["joint_classifier_z"].value else "z"
        beyond: Estimate = mean_of(gains["xz"] - gains[better], unit="nats", kind="lower", detail={"beyond": better})
        return {"joint_classifier": beyond, **estimates}

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the three gains."""
        x, z, xz = (estimates[f"joint_classifier_{name}"] for name in ("x", "z", "xz"))
        beyond, good, bad = estimates["joint_classifier"], thresholds.joint_gain_pass, thresholds.joint_gain_fail
        message = (
            f"a classifier of pairs (x, z) of the model against those of data and encoder gains {xz.value:.3f} nats; "
        )
        message += f"x alone {x.value:.3f}, z alone {z.value:.3f}, both beyond that {beyond.value:.3f}"
        causes = {"texts unlike the data": x, "encodings unlike the prior": z, "x and z tied otherwise": beyond}
        step = "mostly " + max(causes, key=lambda cause: causes[cause].value)
        largest, least = max(x.high, z.high, xz.high), max(x.low, z.low, xz.low)
        seen = Condition("a gain is surely above 0", least > 0)
        limited = Condition(f"no gain may be above {good}", largest < good, "WARN" if least > 0 else "UNRESOLVED")
        subject = "the gain of x and z together beyond the better of them"
        rule = Rule(bad, bad, "nats", subject=subject, needs=(limited,), seen=seen)
        return [rule.judge("joint_classifier", beyond, message, next_step=step, more="draw more texts")]


def _gains(evidence: Evidence) -> dict[str, torch.Tensor]:
    """log 2 + held-out log-probability of the true source of each pair, ``[2 n]``."""
    draws, simulations = evidence.draws, need(evidence.simulations, "drawn texts", "assess with suite=full")
    copies = draws.clusters()
    # a copy in another fold would let the classifier learn a text by heart
    distinct = torch.arange(draws.texts) if copies is None else copies.first
    count = min(int(simulations.finished.sum()), len(distinct))
    if count < FEWEST:
        raise Missing(f"{count} texts on a side are too few for a classifier: assess at least {FEWEST}")
    kept = simulations.finished.nonzero().squeeze(1)[:count]
    strings = (None, None) if evidence.strings is None else (simulations.strings, evidence.strings)
    model = _features(simulations.draws, strings[0], simulations.z, simulations.log_p_x_z, kept)
    data = _features(draws, strings[1], draws.z[0], draws.log_p_x_z[0], distinct[:count])
    x, z, both = (np.concatenate(pair) for pair in zip(model, data, strict=True))
    sides = np.repeat([1, 0], count)
    inputs = {"x": x, "z": z, "xz": np.concatenate([x, z, both], 1)}
    return {name: torch.from_numpy(_held_out(features, sides) + math.log(2)) for name, features in inputs.items()}


def _features(
    draws: Draws, strings: list[str] | None, z_ND: torch.Tensor, log_p_N: torch.Tensor, index: torch.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, std = draws.posterior_mean[index].double().numpy(), draws.posterior_std[index].double().numpy()
    z, tokens = z_ND[index].double().numpy(), draws.tokens[index].double().numpy()[:, None]
    residual = (z - mean) / std
    x = [mean, mean**2, tokens, np.log(tokens)]
    if strings is not None:
        x.append(_hashed([strings[i] for i in index.tolist()]))
    fit = log_p_N[index].double().numpy()[:, None] / tokens
    both = [residual, residual**2, (residual**2).sum(1, keepdims=True), z * mean, fit]
    return np.concatenate(x, 1), np.concatenate([z, z**2, (z**2).sum(1, keepdims=True)], 1), np.concatenate(both, 1)


def _hashed(strings: list[str]) -> np.ndarray:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        n_features=BUCKETS, ngram_range=(1, 2), alternate_sign=False, norm=None, token_pattern=r"\S+"
    )
    return np.log1p(vectorizer.transform(strings).toarray())


def _held_out(features: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """log p(true source) of each pair, ``[2 n]``, by the mean log-odds of a linear and a boosted classifier."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    classifiers = (
        make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)),
        HistGradientBoostingClassifier(max_iter=40, learning_rate=0.05, max_leaf_nodes=8, max_bins=31, random_state=0),
    )
    odds = []
    for classifier in classifiers:
        share = cross_val_predict(classifier, features, sides, cv=folds, method="predict_proba")[:, 1]
        odds.append(np.log(share) - np.log1p(-share))
    sign = 2 * sides - 1
    return -np.logaddexp(0, -sign * np.mean(odds, 0))
