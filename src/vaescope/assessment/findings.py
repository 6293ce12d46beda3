"""Finding: a verdict with its message and its rule. Rule judges a number, Check a condition."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from vaescope.estimators.estimate import Estimate

VERDICTS = ("FAIL", "WARN", "UNRESOLVED", "VACUOUS", "PASS")
"""Worst first. VACUOUS: true only because z carries nothing. UNRESOLVED: the data cannot tell."""


@dataclass(frozen=True)
class Finding:
    """A judgement of one question.

    Attributes:
        name: the question.
        verdict: one of ``VERDICTS``.
        message: what was found, as a sentence with its numbers.
        rule: the conditions of PASS, WARN and FAIL.
        next_step: what to try, or an empty string.
        command: a command to copy that does so for this run, or shows the page; ``remedies.advised`` writes it.

    Raises:
        ValueError: an unknown verdict.

    >>> Finding("latent_use", "PASS", "rate 8.0 nats").to_json()["verdict"]
    'PASS'
    """

    name: str
    verdict: str
    message: str
    rule: str = ""
    next_step: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict '{self.verdict}' is not one of {', '.join(VERDICTS)}")

    def vacuous(self) -> Finding:
        """Return the finding of a collapsed model: it passes only because z carries nothing."""
        if self.verdict == "FAIL":
            return self
        return replace(self, verdict="VACUOUS", message=f"{self.message} (without meaning: z carries nothing)")

    def without_latent(self) -> Finding:
        """Return the finding of a language model, which has no z."""
        return replace(
            self, verdict="VACUOUS", message=f"{self.message} (without meaning: there is no z)", next_step=""
        )

    @classmethod
    def from_json(cls, fields: Any) -> Finding:
        """Return the finding of the fields in a file, which any program may have written.

        Raises:
            ValueError: a field is not a text, or an unknown verdict.
            TypeError: an unknown field, or one that is missing.
        """
        if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
            raise ValueError("a finding has fields that are texts")
        return cls(**fields)

    def to_json(self) -> dict[str, str]:
        """Return the fields that are not empty."""
        return {name: text for name, text in asdict(self).items() if text}


@dataclass(frozen=True)
class Condition:
    """A condition in words, and whether it holds.

    Attributes:
        words: completes "if ...".
        holds: whether it is true.
        otherwise: the verdict where it is not.
    """

    words: str
    holds: bool
    otherwise: str = "UNRESOLVED"


@dataclass(frozen=True)
class Check:
    """A yes-or-no condition of a PASS, with the sentence that states it.

    Attributes:
        passes: completes "PASS if ...".
        otherwise: the verdict where it does not hold.

    >>> check = Check("every text is recovered")
    >>> check.judge("lost_text", False, "3 texts are lost").verdict, str(check)
    ('WARN', 'PASS if every text is recovered, else WARN')
    """

    passes: str
    otherwise: str = "WARN"

    def __str__(self) -> str:
        return f"PASS if {self.passes}, else {self.otherwise}"

    def judge(self, name: str, holds: bool, message: str, *, next_step: str = "") -> Finding:
        """Return the finding on a question; ``next_step`` is what to try where the condition does not hold."""
        if holds:
            return Finding(name, "PASS", message, str(self))
        return Finding(name, self.otherwise, message, str(self), next_step)


@dataclass(frozen=True)
class Rule:
    """Two limits of a number, with the sentence that states them and the comparison that applies them.

    The number passes on the good side of one limit and fails on the other side of the other. By default the whole 95%
    interval must be on that side ("surely").

    Attributes:
        passes: the limit of a PASS.
        fails: the limit of a FAIL; infinite where nothing fails.
        unit: of the number and of both limits.
        good: which side is good, ``below`` or ``above``.
        subject: the name of the number, if the message does not give it.
        sure: whether the interval decides; else the value does.
        needs: further conditions of a PASS.
        seen: where the number is between the limits: WARN if this holds, else its other verdict. By default, where
            below is good and the interval decides: that the interval is above 0.

    >>> rule = Rule(0.5, 1.0, "nats")
    >>> str(rule)
    'PASS if surely below 0.5 nats, FAIL if surely above 1, else WARN if surely above 0, else UNRESOLVED'
    >>> rule.verdict(Estimate(value=0.3, se=0.01, unit="nats", kind="unbiased", n=100))
    'PASS'
    """

    passes: float
    fails: float
    unit: str = ""
    good: Literal["below", "above"] = "below"
    subject: str = ""
    sure: bool = True
    needs: tuple[Condition, ...] = ()
    seen: Condition | None = None

    def __str__(self) -> str:
        subject = f"{self.subject} is " if self.subject else ""
        surely = "surely " if self.sure else ""
        bad = "above" if self.good == "below" else "below"
        unit = f" {self.unit}" if self.unit else ""
        words = f"PASS if {subject}{surely}{self.good} {self.passes:.3g}{unit}"
        words += "".join(f" and {need.words}" for need in self.needs)
        if math.isfinite(self.fails):
            words += f", FAIL if {surely}{bad} {self.fails:.3g}"
        if self.seen is not None:
            return f"{words}, else WARN if {self.seen.words}, else {self.seen.otherwise}"
        return f"{words}, else WARN if surely above 0, else UNRESOLVED" if self._by_zero else f"{words}, else WARN"

    def verdict(self, estimate: Estimate) -> str:
        """Return the verdict on a number."""
        low, high = (estimate.low, estimate.high) if self.sure else (estimate.value, estimate.value)
        if (high < self.passes) if self.good == "below" else (low > self.passes):
            return next((need.otherwise for need in self.needs if not need.holds), "PASS")
        if (low > self.fails) if self.good == "below" else (high < self.fails):
            return "FAIL"
        if self.seen is not None:
            return "WARN" if self.seen.holds else self.seen.otherwise
        return "UNRESOLVED" if self._by_zero and low <= 0 else "WARN"

    def judge(
        self, name: str, estimate: Estimate, message: str, *, next_step: str, more: str = "assess more texts"
    ) -> Finding:
        """Return the finding on a number, with what to try if it is WARN or FAIL, or what would resolve it."""
        verdict = self.verdict(estimate)
        step = {"PASS": "", "UNRESOLVED": more}.get(verdict, next_step)
        return Finding(name, verdict, message, str(self), step)

    def vacuous(self, name: str, message: str) -> Finding:
        """Return the finding of a model in which the number has no meaning, and the message says why."""
        return Finding(name, "VACUOUS", message, str(self))

    def unresolved(self, name: str, message: str, *, next_step: str) -> Finding:
        """Return the finding of evidence on which the number cannot be computed well enough to be compared."""
        return Finding(name, "UNRESOLVED", message, str(self), next_step)

    @property
    def _by_zero(self) -> bool:
        return self.good == "below" and self.sure and self.seen is None


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Return the findings sorted by verdict, latent use first, since collapse explains the others."""
    return sorted(findings, key=lambda finding: (VERDICTS.index(finding.verdict), finding.name != "latent_use"))
