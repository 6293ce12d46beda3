"""Probe: how well a linear reader of z tells a label of the text (topic, sentiment, attribute), held out."""

from __future__ import annotations

from collections import Counter

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import mean_of
from vaescope.estimators.probe import FOLDS, read_labels
from vaescope.evidence.evidence import Evidence, need


class Probe(Diagnostic):
    """Accuracy of logistic regression from one sample z ~ q(z|x), cross-validated, and the nats known of the label.

    The gain H(label) - cross-entropy is a lower bound on I(Z; label). From the posterior mean, which is no function of
    z, it would not be: of a collapsed model, whose means differ by far less than its posteriors are wide, a reader of
    rescaled means still tells much. That accuracy, which the literature reports, is the detail ``posterior_mean``. The
    ceiling, where it is known, is the accuracy of the best reader of the whole text; the floor is that of always saying
    the commonest label.
    """

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``probe`` (accuracy) and ``probe_information`` (nats)."""
        draws = evidence.draws
        labels = need(evidence.facts.labels, "labels", "assess with --labels FILE, one label per line")
        counts = Counter(labels)
        if len(counts) < 2 or min(counts.values()) < FOLDS:
            raise Missing(f"fewer than 2 labels, or one with fewer than {FOLDS} texts: assess more texts")
        from_z, from_mean = read_labels(draws.z[0], labels), read_labels(draws.posterior_mean, labels)
        detail = {
            "labels": len(from_z.shares),
            "commonest": from_z.shares.max().item(),
            "posterior_mean": from_mean.right.double().mean().item(),
        }
        if (ceiling := evidence.facts.label_ceiling) is not None:
            detail["ceiling"] = ceiling
        entropy = {"entropy": from_z.entropy}
        return {
            "probe": mean_of(from_z.right, unit="accuracy", kind="lower", detail=detail),
            "probe_information": mean_of(from_z.gains, unit="nats/text", kind="lower", detail=entropy),
        }

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
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
