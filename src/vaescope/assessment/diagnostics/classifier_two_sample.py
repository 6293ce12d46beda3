"""Classifier two-sample test: by how many nats a classifier can tell encodings from samples of the prior."""

from __future__ import annotations

from dataclasses import replace

from vaescope.assessment.against_prior import encodings, prior_samples
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.classifier import CLASSIFIERS, two_sample
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence

MOST, FEWEST = 2000, 20


class ClassifierTwoSample(Diagnostic):
    """Held-out gain log 2 - cross-entropy <= Jensen-Shannon divergence, of trees and of a quadratic logistic.

    Two classifiers of different bias, since none sees everything; at most 2,000 texts, half to train and half to
    test. A gain near or below zero says that *these* classifiers see nothing.
    """

    consistency = True
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``classifier_two_sample_boosting`` and ``classifier_two_sample_logistic``."""
        draws = evidence.draws
        if draws.texts < FEWEST:
            raise Missing(f"{draws.texts} texts are too few to train a classifier: assess at least {FEWEST}")
        z_ND = encodings(draws, most=MOST)
        prior_ND = prior_samples(draws, len(z_ND))
        z_ND = z_ND[: len(prior_ND)]
        estimates = {}
        for name in CLASSIFIERS:
            found = two_sample(z_ND, prior_ND, name)
            detail = {"accuracy": found.accuracy, "p_value": found.p_value}
            gain = mean_of(found.gains, unit="nats", kind="lower", detail=detail)
            estimates[f"classifier_two_sample_{name}"] = replace(gain, n=len(z_ND))
        return estimates

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge the better of the two classifiers by its gain."""
        gains = {name: estimates[f"classifier_two_sample_{name}"] for name in CLASSIFIERS}
        passes, fails = thresholds.classifier_pass, thresholds.classifier_fail
        rule = f"FAIL if one surely gains {fails} nats, PASS if none surely gains {passes} and none may gain {fails}"
        parts = [
            f"{name} {gain.value:.3f} [{gain.low:.3f}, {gain.high:.3f}] ({(gain.detail or {})['accuracy']:.0%} right)"
            for name, gain in gains.items()
        ]
        message = "telling encodings from the prior gains, in nats: " + "; ".join(parts)
        low, high = (max(getattr(gain, end) for gain in gains.values()) for end in ("low", "high"))
        if low >= fails:
            step = "refit the prior (mixture, vamp, flow), or constrain the mmd"
            return [Finding("classifier_two_sample", "FAIL", message, rule, step)]
        if low >= passes:
            return [Finding("classifier_two_sample", "WARN", message, rule, "look at latent_pictures")]
        if high < fails:
            return [Finding("classifier_two_sample", "PASS", message, rule)]
        return [Finding("classifier_two_sample", "UNRESOLVED", message, rule, "assess more texts")]
