"""Write the page of results for ``prove.py``; its text is reading.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

Proof = dict[str, Any]

HEAD = """# What each objective does

Every objective of `vaescope list objectives` was trained on the built-in grammar `topic_pcfg` (bare clauses, H(X) =
{entropy:.2f} nats): {steps} optimiser steps of 64 texts, D = 32, and the same network for all (RoBERTa, 2 layers of
64, encoder and decoder not tied). Numbers are in nats per text on 4,000 texts that no run has seen, the mean over
{seeds} seeds ± its standard error. Information and marginal KL are intervals from the assessment; if both ends agree
to the digits shown, there is one number.

    {command}

{date}, vaescope {version}, torch {torch}, {cpu}, one thread.

"""


HEADLINE = """The thesis that this system continues found: with free bits per unit, the rate is mostly a mismatch of
q(z) and p(z); with the minimum desired rate it is not. The last column is the marginal KL (middle of its interval)
minus that of `mdr` at the same target, with the standard error over seeds.
"""


def write_page(path: Path, proofs: Sequence[Proof], *, steps: int, targets: Sequence[float]) -> None:
    """Write the table of all objectives, and the one of free bits and the minimum desired rate at equal targets."""
    groups: dict[str, list[Proof]] = defaultdict(list)
    for proof in proofs:
        groups[proof["label"]].append(proof)
    head = HEAD.format(
        entropy=proofs[0]["entropy"],
        steps=steps,
        seeds=max(len(group) for group in groups.values()),
        command="python examples/objectives/prove.py",
        date=datetime.date.today().isoformat(),
        version=metadata.version("vaescope"),
        torch=metadata.version("torch"),
        cpu=f"{platform.machine()} with {os.cpu_count()} cores",
    )
    reading = Path(__file__).with_name("reading.md").read_text(encoding="utf-8")
    parts = [head, _objectives(groups), _headline(groups, targets), reading]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def _objectives(groups: dict[str, list[Proof]]) -> str:
    names = ("objective", "rate", "distortion", "information", "marginal KL", "active units", "KL(q(x,z) ‖ p(x,z))")
    lines = [_line(names), _line(["---"] * len(names))]
    for label, group in groups.items():
        lines.append(
            _line(
                [
                    f"`{label}`",
                    _number(group, _value("rate")),
                    _number(group, _value("distortion")),
                    _interval(group, "mutual_information"),
                    _interval(group, "marginal_kl"),
                    _number(group, _value("active_units"), digits=1),
                    _number(group, _value("joint_inconsistency")),
                ]
            )
        )
    missed = [p for group in groups.values() for p in group if p["warnings"]]
    notes = [f"* `{p['label']}`: {p['warnings'][0]} (seed {p['seed']})" for p in missed]
    extra = [p["encoder_steps"] for p in groups.get("lagging", [])]
    if extra:
        notes.append(f"* `lagging` took {fmean(extra):.0f} more steps, of the encoder alone.")
    return "\n".join(["## All objectives", "", *lines, "", *notes, ""])


def _headline(groups: dict[str, list[Proof]], targets: Sequence[float]) -> str:
    """Return the table of free bits and the minimum desired rate at equal targets."""
    names = ("target", "objective", "rate", "distortion", "marginal KL", "marginal KL / rate", "difference to mdr")
    lines = [_line(names), _line(["---"] * len(names))]
    for target in targets:
        mdr = groups.get(f"mdr {target:g}", [])
        for kind in ("mdr", "free_bits", "free_bits_hinge", "free_bits_total"):
            group = groups.get(f"{kind} {target:g}", [])
            if group:
                lines.append(_line([f"{target:g}", f"`{kind}`", *_costs(group), _difference(group, mdr)]))
    return "\n".join(["## Free bits against the minimum desired rate", "", HEADLINE, *lines, ""])


def _costs(group: list[Proof]) -> list[str]:
    share = _number(group, lambda p: _middle(p, "marginal_kl") / max(_value("rate")(p), 1e-9))
    return [
        _number(group, _value("rate")),
        _number(group, _value("distortion")),
        _interval(group, "marginal_kl"),
        share,
    ]


def _difference(group: list[Proof], base: list[Proof]) -> str:
    if group is base or not base:
        return ""
    ours, theirs = ([_middle(p, "marginal_kl") for p in part] for part in (group, base))
    error = (_error(ours) ** 2 + _error(theirs) ** 2) ** 0.5
    return f"{fmean(ours) - fmean(theirs):+.2f} ± {error:.2f}"


def _value(name: str) -> Callable[[Proof], float]:
    return lambda proof: float(proof["estimates"][name]["value"])


def _middle(proof: Proof, name: str) -> float:
    estimate = proof["estimates"][name]
    return (estimate["low"] + estimate["high"]) / 2


def _number(group: list[Proof], of: Callable[[Proof], float], *, digits: int = 2) -> str:
    values = [of(proof) for proof in group]
    return f"{fmean(values):.{digits}f} ± {_error(values):.{digits}f}"


def _interval(group: list[Proof], name: str) -> str:
    low, high = (fmean(p["estimates"][name][end] for p in group) for end in ("low", "high"))
    error = _error([_middle(p, name) for p in group])
    ends = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return f"{ends} ± {error:.2f}"


def _error(values: Sequence[float]) -> float:
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
