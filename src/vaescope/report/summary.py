"""The sentences at the top of a comparison, computed from its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from vaescope.report import tables
from vaescope.report.comparison import Comparison, Run
from vaescope.report.pairs import Difference, against_reference, matched, reference

EQUAL = 0.1
"""Rates that differ by at most this share (or by 0.2 nats) count as equal."""


def sentences(comparison: Comparison) -> list[str]:
    """Return the sentences, the most important first."""
    return [*_likelihood(comparison), *_use(comparison), *_at_equal_rate(comparison), *_front(comparison)]


def about(comparison: Comparison) -> str:
    """Return the content of the page in one line."""
    runs = comparison.runs
    metadata = runs[0].assessment.metadata
    sizes = sorted({run.assessment.estimates["rate"].n for run in runs})
    families = len({run.family for run in runs})
    seeds = len({run.seed for run in runs})
    count = "–".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1])))
    corpus = str(metadata.get("corpus", "texts")).rstrip("/").split("/")[-1]
    parts = [
        _counted(len(runs), "run"),
        _counted(families, "family", "families") + " of objectives",
        _counted(seeds, "seed"),
        f"{corpus} ({comparison.split} split, {count} texts)",
    ]
    if comparison.entropy is not None:
        parts.append(f"exact entropy H = {tables.number(comparison.entropy)} nats per text")
    return " · ".join(parts)


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _likelihood(comparison: Comparison) -> Iterator[str]:
    known = {run.name: e for run in comparison.runs if (e := run.estimate("log_likelihood")) is not None}
    ranked = sorted((run for run in comparison.runs if run.name in known), key=lambda run: -known[run.name].value)
    if not ranked:
        return
    best = ranked[0]
    text = f"Highest log-likelihood: {best.name}, log p(x) {tables.cell(known[best.name])} nats per text"
    second = next((run for run in ranked if not run.is_language_model), None)
    if best.is_language_model and second is not None:
        text += f"; no run with a z is higher, the next is {second.name}{_from_the_language_model(comparison, second)}"
    elif not best.is_language_model:
        text += _from_the_language_model(comparison, best)
    yield f"{text}."
    if not best.is_language_model and not best.uses_latent:
        yield (
            f"{best.name} is collapsed: its decoder models the texts without z. Using z costs rate, which log p(x) "
            "does not reward. So a collapsed model with a higher log p(x) is not a better latent variable model."
        )


def _from_the_language_model(comparison: Comparison, run: Run) -> str:
    """Return the paired difference of a run to the language model in words, or an empty string without one."""
    base = reference(comparison)
    if base is None or not base.is_language_model:
        return ""
    rows = [d for row in against_reference(comparison) for d in row if d.run is run and d.quantity == "log_likelihood"]
    return f", {difference(rows[0])} nats from the language model on the same texts" if rows else ""


def _use(comparison: Comparison) -> Iterator[str]:
    collapsed = [run.name for run in comparison.latent if not run.uses_latent]
    if collapsed:
        yield f"Collapsed (z carries nothing): {_listed(collapsed)}."
    missed = [
        f"{run.name} ({tables.number(run.rate)} of {run.target:g})"
        for run in comparison.latent
        if run.target and abs(run.rate - run.target) > EQUAL * run.target
    ]
    if missed:
        yield f"Rate more than {EQUAL:.0%} from its target: {_listed(missed)}."


def _at_equal_rate(comparison: Comparison) -> Iterator[str]:
    """Compare the marginal KL of families where two runs have the same target, seed and nearly the same rate."""
    rows = [row for row in matched(comparison) if _equal_rates(row[0].run, row[0].against)]
    kls = [d for row in rows for d in row if d.quantity == "marginal_kl"]
    for (ours, theirs), group in groupby(sorted(kls, key=_families), key=_families):
        yield f"At equal target and rate, the marginal KL of {ours} {_exceeds(theirs, list(group))}."


def _exceeds(theirs: str, found: list[Difference]) -> str:
    """Return in words by how much one family differs from another, over the pairs."""
    values = sorted((d.value for d in found), key=abs)
    sure = sum(d.low > 0 or d.high < 0 for d in found)
    pairs = f"{len(found)} pairs, the intervals of {sure} exclude 0"
    if len(found) == 1:
        pairs = f"1 pair, its interval {'excludes' if sure else 'includes'} 0"
    if min(values) < 0 < max(values):
        return f"differs from that of {theirs} by {signed(min(values))} to {signed(max(values))} nats ({pairs})"
    span = " to ".join(dict.fromkeys(tables.number(abs(value)) for value in (values[0], values[-1])))
    word = "exceeds that" if values[-1] > 0 else "is below that"
    return f"{word} of {theirs} by {span} nats ({pairs})"


def _families(found: Difference) -> tuple[str, str]:
    return found.run.family, found.against.family


def _equal_rates(one: Run, other: Run) -> bool:
    return abs(one.rate - other.rate) <= max(0.2, EQUAL * max(one.rate, other.rate))


def _front(comparison: Comparison) -> Iterator[str]:
    if comparison.front:
        yield (
            f"On the Pareto front of log-likelihood and marginal KL: {_listed([r.name for r in comparison.front])} "
            "(runs whose z carries nothing are left out)."
        )


def difference(found: Difference) -> str:
    """Return a difference as shown in a table: ``+1.23 [+0.95, +1.51]``, with ≥ or ≤ for a bound."""
    relation = {"lower": "≥ ", "upper": "≤ ", "bounds": "of bounds "}.get(found.kind, "")
    return f"{relation}{signed(found.value)} [{signed(found.low)}, {signed(found.high)}]"


def signed(value: float) -> str:
    """Return a number with its sign.

    >>> signed(1.234), signed(-0.5), signed(0.0)
    ('+1.23', '−0.500', '0.000')
    """
    text = tables.number(value)
    return text if text.startswith("−") or set(text) <= set("0.") else f"+{text}"


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
