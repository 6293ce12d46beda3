"""Whether a finding is right about a model of known truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

from subjects import Subject

from vaescope.assessment.findings import Finding
from vaescope.assessment.thresholds import Thresholds

RIGHT, OPEN, ALARM, BLIND = "right", "open", "false alarm", "contradicts the truth"
"""``open``: UNRESOLVED or VACUOUS, or a PASS that does not look for the sickness in question."""

ABOUT = {
    "latent_use": "use",
    "decoder_use": "use",
    "conversion_efficiency": "use",
    "inference_gap": "inference",
    "log_likelihood": "inference",
    "joint_inconsistency": "inference",
    "mutual_information": "use",
    "total_correlation": "fit",
    "surplus_rate": "numbers",
    "repeated_texts": "numbers",
    "outlying_texts": "fit",
}
"""The sickness that a finding asks for; identities ask for ``numbers``, all others for ``fit``."""


@dataclass(frozen=True)
class Limits:
    """What a number must be at most for a PASS to be true, and at least for a FAIL and for a WARN.

    Where a low number is bad, the other way round.
    """

    value: float
    passes: float
    fails: float
    warns: float
    low_is_good: bool = True

    def allows(self, verdict: str) -> bool:
        """Tell whether the verdict is true of the value."""
        sign = 1 if self.low_is_good else -1
        value, passes, fails = sign * self.value, sign * self.passes, sign * self.fails
        slack = 0.02 * abs(passes)
        if verdict == "PASS":
            return value <= passes + slack
        if verdict == "FAIL":
            return value >= fails - slack
        return value > sign * self.warns


def limits(name: str, subject: Subject, table: Thresholds) -> Limits | None:
    """Return what is true of the number that a finding judges, where that is known."""
    rate = subject.truth.get("rate", 0.0)
    truth = subject.truth | {"copies": subject.truth.get("copies", 0.0)}
    if "information" in truth and rate > 0:
        truth["share"] = truth["information"] / rate
    kl = (
        max(table.marginal_kl_pass, table.marginal_kl_pass_share * rate),
        max(table.marginal_kl_fail, table.marginal_kl_fail_share * rate),
    )
    gap = (
        max(table.inference_gap_pass, table.inference_gap_pass_share * rate),
        max(table.inference_gap_fail, table.inference_gap_fail_share * rate),
    )
    known = {
        "marginal_kl": ("marginal_kl", *kl, True),
        "moments": ("moment_kl", *kl, True),
        "inference_gap": ("inference_gap", *gap, True),
        "latent_use": ("information", table.latent_use, table.latent_use, False),
        "decoder_use": ("use", table.latent_use, table.latent_use, False),
        "mutual_information": ("share", table.information_share_pass, table.information_share_fail, False),
        "repeated_texts": ("copies", table.copies, table.copies, True),
        "surplus_rate": ("rate", math.log(subject.texts), math.log(subject.texts), True),
    }
    if name not in known or known[name][0] not in truth:
        return None
    key, passes, fails, low_is_good = known[name]
    # an effect that exists; of use and information, a small part of the rate
    warns = 0.02 if low_is_good else passes if key == "share" else max(passes, 0.5 * rate)
    return Limits(truth[key], passes, fails, warns, low_is_good)


def judge(finding: Finding, subject: Subject, table: Thresholds) -> str:
    """Return whether a finding is right.

    Where the number that it judges is known, its PASS or FAIL must be true of it. Elsewhere a healthy model must get no
    FAIL and no WARN, and a sick one no PASS of a finding that must name its sickness alone.
    """
    if finding.verdict in ("UNRESOLVED", "VACUOUS"):
        return OPEN
    about = ABOUT.get(finding.name, "numbers" if finding.name.startswith("identity_") else "fit")
    found = limits(finding.name, subject, table)
    if _is_bound(finding) and finding.verdict == "PASS":
        return OPEN
    if any(name.startswith("identity_") for name in subject.names):
        # the draws are not what they say, so no other number is about the model
        return RIGHT if finding.name in subject.names else OPEN
    if found is not None:
        if found.allows(finding.verdict):
            return RIGHT
        return BLIND if finding.verdict == "PASS" else ALARM
    if finding.verdict == "PASS":
        return RIGHT if about not in subject.sick else BLIND if subject.names == (finding.name,) else OPEN
    return RIGHT if about in subject.sick else ALARM


def _is_bound(finding: Finding) -> bool:
    """Tell whether the number that is judged is a lower bound, whose smallness says nothing of the truth."""
    return finding.name == "inference_gap"


def named(findings: list[Finding], subject: Subject) -> list[str]:
    """Return the findings that name the sickness."""
    enough = ("FAIL", "WARN", "UNRESOLVED") if "numbers" in subject.sick else ("FAIL", "WARN")
    return [f"{f.verdict} {f.name}" for f in findings if f.name in subject.names and f.verdict in enough]
