"""Probe: how well a linear reader of z tells a label of the text (topic, sentiment, attribute), held out."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.draws import Draws
from vaescope.assessment.estimate import mean_of
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds

FOLDS = 5


class Probe(Diagnostic):
    """Accuracy of logistic regression from a sample of q(z|x), cross-validated, and the nats known of the label.

    The gain H(label) - cross-entropy is a lower bound on I(Z; label) <= I(X; Z) <= R. Of the posterior *mean* it would
    be none: a mean that moves by a hundredth of the posterior's width tells a label that no z holds. The ceiling, where
    it is known, is the accuracy of the best reader of the whole text; the floor is that of the commonest label.
    """

    requires = ("labels",)

    def missing(self, draws: Draws) -> str:
        """Say so where a label has too few texts."""
        reason = super().missing(draws)
        if not reason and draws.labels is not None:
            counts = Counter(draws.labels)
            if len(counts) < 2 or min(counts.values()) < FOLDS:
                return f"labels: fewer than 2 labels, or one with fewer than {FOLDS} texts"
        return reason

    def estimate(self, draws: Draws) -> Estimates:
        """Return ``probe`` (accuracy) and ``probe_information`` (nats)."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        assert draws.labels is not None
        names, labels = np.unique(np.array(draws.labels), return_inverse=True)
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        features = draws.z[0].double().numpy()
        shares = cross_val_predict(classifier, features, labels, cv=folds, method="predict_proba")
        counts = np.bincount(labels)
        own = shares[np.arange(len(labels)), labels].clip(1e-12)
        gain_N = torch.from_numpy(np.log(own) - np.log(counts[labels] / len(labels)))
        detail = {"labels": len(names), "commonest": counts.max() / len(labels)}
        if "label_ceiling" in draws.metadata:
            detail["ceiling"] = float(draws.metadata["label_ceiling"])
        right_N = torch.from_numpy(shares.argmax(1) == labels)
        entropy = -sum(c / len(labels) * math.log(c / len(labels)) for c in counts.tolist())
        return {
            "probe": mean_of(right_N, unit="accuracy", kind="lower", detail=detail),
            "probe_information": mean_of(gain_N, unit="nats/text", kind="lower", detail={"entropy": entropy}),
        }

    def findings(self, estimates: Estimates, draws: Draws, thresholds: Thresholds) -> list[Finding]:
        """Say whether z tells the label at all."""
        accuracy, nats = estimates["probe"], estimates["probe_information"]
        detail = accuracy.detail or {}
        message = (
            f"the label is read from z with accuracy {accuracy.value:.1%} ± {accuracy.se:.1%} (always the commonest "
        )
        message += f"{detail['commonest']:.1%}" + (
            f", best reader {detail['ceiling']:.1%}" if "ceiling" in detail else ""
        )
        message += f"): at least {nats.value:.2f} nats of it"
        rule = "PASS if the information on the label is surely above 0"
        if nats.low > 0:
            return [Finding("probe", "PASS", message, rule)]
        return [Finding("probe", "WARN", message, rule, "z does not tell this label to a linear reader")]
