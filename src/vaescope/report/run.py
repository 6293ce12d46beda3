"""RunReport: what the page shows of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaescope.assessment.assess import Assessment


@dataclass(frozen=True)
class RunReport:
    """One run as the page shows it: its numbers, its way there, and what it writes.

    Attributes:
        name: what the run is called in tables and legends.
        assessment: the estimates and findings of one split.
        objective: the objective in a few words.
        metrics: the lines of ``metrics.jsonl``, each with ``step`` and, where logged, ``rate``.
        samples: texts drawn from p(x|z) with z from the prior.
        reconstructions: pairs of a text and the most probable text given its posterior mean.
        target_rate: the rate that the objective aims at, in nats per text, or None.
        environment: versions, hardware and settings, for the foot of the page.
    """

    name: str
    assessment: Assessment
    objective: str = ""
    metrics: list[dict[str, Any]] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    reconstructions: list[tuple[str, str]] = field(default_factory=list)
    target_rate: float | None = None
    environment: dict[str, str] = field(default_factory=dict)
