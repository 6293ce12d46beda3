"""Probe: how well a linear classifier predicts a label of the text (topic, sentiment, attribute) from z, held out."""

from __future__ import annotations

import math
from collections import Counter
from typing import ClassVar

from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.estimators.label_prediction import FOLDS, predict_labels
from vaescope.estimators.share import share_of
from vaescope.evidence.evidence import Evidence, need


class Probe(Diagnostic):
    """Accuracy of logistic regression from one sample z ~ q(z|x), cross-validated, and the nats of information about
    the label.

    The gain H(label) - cross-entropy is a lower bound on I(Z; label). The same from the posterior mean, which is not a
    function of z, is not such a bound: the means of a collapsed model may differ by much less than the posterior
    standard deviation, and a classifier of rescaled means still predicts the label well. That accuracy, which the
    literature reports, is the detail ``posterior_mean``. The ceiling, if known, is the accuracy of the best classifier
    of the whole text; the floor is that of the most common label.
    """

    no_truth: ClassVar[str] = "it depends on labels; bounds on a known label are checked"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``probe`` (accuracy) and ``probe_information`` (nats); with several kinds of labels ``probe_KIND``."""
        kinds = evidence.facts.label_kinds or None
        kinds = need(kinds, "labels", "set data.label, or assess with --labels FILE, one label per line")
        copies = evidence.draws.clusters()
        # a copy in another fold would let the probe learn a text by heart
        rows = range(evidence.draws.texts) if copies is None else copies.first.tolist()
        found: dict[str, Estimate] = {}
        for kind, labels in kinds.items():
            labelled = [i for i in rows if labels[i]]
            suffix = f"_{kind}" if len(kinds) > 1 else ""
            if (reason := _too_few([labels[i] for i in labelled])) and len(kinds) == 1:
                raise Missing(reason)
            if not reason:
                accuracy, nats = _read(evidence, labels, labelled)
                found |= {f"probe{suffix}": accuracy, f"probe_information{suffix}": nats}
        if not found:
            raise Missing(f"no kind of label with 2 labels of {FOLDS} texts each: assess more texts")
        return found

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge for each kind of label whether z predicts it at all."""
        names = [name for name in estimates if name == "probe" or not name.startswith("probe_information")]
        return [_finding(name, estimates) for name in names if name.startswith("probe")]


def _too_few(labels: list[str]) -> str:
    counts = Counter(labels)
    if len(counts) < 2 or min(counts.values()) < FOLDS:
        return f"fewer than 2 labels, or one with fewer than {FOLDS} texts: assess more texts"
    return ""


def _read(evidence: Evidence, labels: list[str], rows: list[int]) -> tuple[Estimate, Estimate]:
    """Return accuracy and information of one kind of label, from the distinct texts that have one."""
    draws = evidence.draws
    own = [labels[i] for i in rows]
    from_z, from_mean = predict_labels(draws.z[0][rows], own), predict_labels(draws.posterior_mean[rows], own)
    detail = {
        "labels": len(from_z.shares),
        "texts": len(rows),
        "commonest": from_z.shares.max().item(),
        "posterior_mean": from_mean.right.double().mean().item(),
    }
    if (ceiling := evidence.facts.label_ceiling) is not None:
        detail["ceiling"] = ceiling
    entropy = {"entropy": from_z.entropy}
    return (
        share_of(from_z.right, unit="accuracy", kind="lower", detail=detail),
        mean_of(from_z.gains, unit="nats/text", kind="lower", detail=entropy),
    )


def _finding(name: str, estimates: Estimates) -> Finding:
    kind = name.removeprefix("probe").removeprefix("_") or "label"
    accuracy = estimates[name]
    nats = estimates[name.replace("probe", "probe_information", 1)]
    detail = accuracy.detail
    best = f", {detail['ceiling']:.1%} by the best reader of the text" if "ceiling" in detail else ""
    message = (
        f"the {kind} can be read from z with accuracy {accuracy.value:.1%} ± {accuracy.se:.1%} "
        f"({detail['commonest']:.1%} by always giving the most common one{best})"
    )
    rule = Rule(0.0, -math.inf, "nats", good="above", subject=f"the information about the {kind}")
    message += f": at least {nats.value:.2f} nats about it" if nats.low > 0 else ": no information about it was found"
    step = "train with a higher rate, or read the label with a non-linear reader"
    return rule.judge(name, nats, message, next_step=step)
