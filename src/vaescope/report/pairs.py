"""Paired differences: two runs on the same texts, text by text, with a far smaller error than two means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from vaescope.evidence.per_text import paired_difference
from vaescope.report.comparison import Comparison, Run, digest

QUANTITIES = ("elbo", "log_likelihood", "distortion", "rate")


@dataclass(frozen=True)
class Difference:
    """A quantity of ``run`` minus that of ``against``, in nats per text.

    Attributes:
        run: whose.
        against: than whose.
        quantity: ``elbo``, ``log_likelihood``, ``distortion``, ``rate``: means over the same texts; or
            ``marginal_kl``, which is not a mean over texts.
        value: the difference.
        se: its standard error, NaN for ``marginal_kl``.
        low: lower end of the 95% interval; of ``marginal_kl`` the least that the intervals of both allow.
        high: its upper end.
        n: the number of independent texts; copies of a text count as one.
        kind: ``unbiased``; ``lower`` where a lower bound is compared with an exact number (the likelihood of a language
            model), ``upper`` the other way round; ``bounds`` for a difference of two lower bounds, whose interval is
            that of the bounds and not of what they bound; ``interval`` for ``marginal_kl``.
    """

    run: Run
    against: Run
    quantity: str
    value: float
    se: float
    low: float
    high: float
    n: int
    kind: str = "unbiased"


def pairable(one: Run, other: Run) -> bool:
    """Tell whether both were assessed on the same texts, and are known to be."""
    return bool(digest(one)) and digest(one) == digest(other)


def reference(comparison: Comparison) -> Run | None:
    """Return the run that all others are compared with: the language model, else the one of the highest ELBO.

    It must be possible to pair it with another run; None if there is no such run.
    """
    known = [run for run in comparison.runs if any(run is not o and pairable(run, o) for o in comparison.runs)]
    model = comparison.language_model
    if model in known:
        return model
    return max(known, key=lambda run: run.assessment.estimates["elbo"].value, default=None)


def against_reference(comparison: Comparison) -> list[list[Difference]]:
    """Return the differences of every other run from the reference, a list for each run."""
    base = reference(comparison)
    if base is None:
        return []
    return [differences(run, base) for run in comparison.runs if run is not base and pairable(run, base)]


def matched(comparison: Comparison) -> list[list[Difference]]:
    """Return the differences of runs of different families with the same target and the same seed."""
    return [
        [*differences(one, other), *_marginal_kl(one, other)]
        for one, other in combinations(comparison.latent, 2)
        if one.family != other.family
        and one.target is not None
        and (one.target, one.seed) == (other.target, other.seed)
        and pairable(one, other)
    ]


def differences(run: Run, against: Run) -> list[Difference]:
    """Return the paired differences of all quantities; none if a run has no numbers of each text."""
    ours, theirs = run.per_text, against.per_text
    if ours is None or theirs is None:
        return []
    found = []
    for quantity in QUANTITIES:
        e = paired_difference(getattr(ours, quantity), getattr(theirs, quantity), ours.copies)
        found.append(
            Difference(run, against, quantity, e.value, e.se, e.low, e.high, e.n, _kind(run, against, quantity))
        )
    return found


def _kind(run: Run, against: Run, quantity: str) -> str:
    if quantity != "log_likelihood":
        return "unbiased"
    exact = run.is_language_model, against.is_language_model
    return {(False, False): "bounds", (False, True): "lower", (True, False): "upper"}.get(exact, "unbiased")


def _marginal_kl(run: Run, against: Run) -> Iterator[Difference]:
    ours, theirs = run.estimate("marginal_kl"), against.estimate("marginal_kl")
    if ours is not None and theirs is not None:
        ends = ours.low - theirs.high, ours.high - theirs.low
        yield Difference(run, against, "marginal_kl", ours.value - theirs.value, math.nan, *ends, ours.n, "interval")
