"""Finding: a sentence for a person with a verdict, its rule, and what to try next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

VERDICTS = ("FAIL", "WARN", "UNRESOLVED", "VACUOUS", "PASS")
"""Worst first. VACUOUS: true only because z carries nothing. UNRESOLVED: the data cannot tell."""


@dataclass(frozen=True)
class Finding:
    """A judgement of one question.

    Attributes:
        name: the question.
        verdict: one of ``VERDICTS``.
        message: what was found, as a sentence with its numbers.
        rule: when it would have been PASS, WARN or FAIL.
        next_step: what to try, or an empty string.

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

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict '{self.verdict}' is none of {', '.join(VERDICTS)}")

    def vacuous(self) -> Finding:
        """Return the finding of a collapsed model: it passes only because z carries nothing."""
        if self.verdict == "FAIL":
            return self
        return replace(self, verdict="VACUOUS", message=f"{self.message} (of no meaning: z carries nothing)")

    def without_latent(self) -> Finding:
        """Return the finding of a language model, which has no z that it could be about."""
        return replace(self, verdict="VACUOUS", message=f"{self.message} (of no meaning: there is no z)", next_step="")

    def to_json(self) -> dict[str, str]:
        """Return the fields that are not empty."""
        return {name: text for name, text in asdict(self).items() if text}


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Return the findings in the order of their verdicts; latent use first, since collapse explains the others."""
    return sorted(findings, key=lambda finding: (VERDICTS.index(finding.verdict), finding.name != "latent_use"))
