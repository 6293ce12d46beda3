"""Probe: how well a linear reader of z tells a label of the text (topic, sentiment, attribute), held out."""

from __future__ import annotations

from collections import Counter

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds
from vaescope.estimators.estimate import mean_of
from vaescope.estimators.probe import FOLDS, read_labels
from vaescope.evidence.draws import Draws


class Probe(Diagnostic):
    """Accuracy of logistic regression from one sample z ~ q(z|x), cross-validated, and the nats known of the label.

    The gain H(label) - cross-entropy is a lower bound on I(Z; label). From the posterior mean, which is no function of
    z, it would not be: of a collapsed model, whose means differ by far less than its posteriors are wide, a reader of
    rescaled means still tells much. That accuracy, which the literature reports, is the detail ``posterior_mean``. The
    ceiling, where it is known, is the accuracy of the best reader of the whole text; the floor is that of always saying
    the commonest label.
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
        assert draws.labels is not None
        from_z = read_labels(draws.z[0], draws.labels)
        from_mean = read_labels(draws.posterior_mean, draws.labels)
        detail = {
            "labels": len(from_z.shares),
            "commonest": from_z.shares.max().item(),
            "posterior_mean": from_mean.right.double().mean().item(),
        }
        if "label_ceiling" in draws.metadata:
            detail["ceiling"] = float(draws.metadata["label_ceiling"])
        entropy = {"entropy": from_z.entropy}
        return {
            "probe": mean_of(from_z.right, unit="accuracy", kind="lower", detail=detail),
            "probe_information": mean_of(from_z.gains, unit="nats/text", kind="lower", detail=entropy),
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
