"""Classifier two-sample test: the gain in nats of a classifier of encodings against samples of the prior."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from vaescope.assessment.against_prior import encodings, prior_samples, refit_prior
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.classifier import CLASSIFIERS, two_sample
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.evidence import Evidence

MOST, FEWEST = 2000, 20


class ClassifierTwoSample(Diagnostic):
    """Held-out gain log 2 - cross-entropy <= Jensen-Shannon divergence, of trees and of a quadratic logistic.

    Two classifiers of different bias, since none detects everything; at most 2,000 texts, half to train and half to
    test. A gain near or below zero means that *these* classifiers find no difference.
    """

    no_truth: ClassVar[str] = "a lower bound that depends on the classifiers; its null rate is checked"
    consistency = True
    suite = "full"

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        draws = evidence.draws
        if (texts := len(encodings(draws))) < FEWEST:
            raise Missing(f"{texts} texts are too few to train a classifier: assess at least {FEWEST}")
        z_ND = encodings(draws, most=MOST)
        prior_ND = prior_samples(draws, len(z_ND), "classifier")
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
        parts = [
            f"{name} {gain.value:.3f} [{gain.low:.3f}, {gain.high:.3f}] ({gain.detail['accuracy']:.0%} right)"
            for name, gain in gains.items()
        ]
        message = "telling encodings from the prior gains, in nats: " + "; ".join(parts)
        low, high = (max(getattr(gain, end) for gain in gains.values()) for end in ("low", "high"))
        better = replace(max(gains.values(), key=lambda gain: gain.value), low=low, high=high)
        detected = Condition(f"it is surely above {passes:g}", low > passes)
        rule = Rule(
            fails,
            fails,
            "nats",
            subject="the larger gain of these classifiers",
            needs=(Condition(f"it is not surely above {passes:g}", not detected.holds, otherwise="WARN"),),
            seen=detected,
        )
        step = f"{refit_prior(evidence.draws)}, constrain the mmd, or look at latent_pictures"
        return [rule.judge("classifier_two_sample", better, message, next_step=step)]
