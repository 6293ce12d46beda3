"""Disentanglement: is a label of the text in one latent unit? MIG, SAP and DCI from samples of z, in nats."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.assessment.findings import Condition, Finding, Rule
from vaescope.assessment.thresholds import Thresholds
from vaescope.errors import Missing
from vaescope.estimators import jackknife
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.estimators.share import bounded
from vaescope.estimators.unit_information import UnitReadings, completeness, disentanglement, read_units
from vaescope.evidence.evidence import Evidence, need
from vaescope.randomness import stream

FEWEST = 20
"""Texts that a label needs: each half of the texts chooses units for the other."""
ROTATIONS = 19
"""Random rotations of z: the largest number among them is a bound at 5% for units that are no better than any axis."""


@dataclass(frozen=True)
class Kind:
    """The texts that have a label of one kind.

    Attributes:
        rows: their places, ``[n]``, int64, one of each distinct text.
        labels: their labels.
    """

    rows: Tensor
    labels: list[str]


class Disentanglement(Diagnostic):
    """How much of each label is in single units: I(z_d; label) by held-out readers of one unit, and its summaries.

    MIG is the gap of the information of the two best units over H(label) (Chen et al. 2018), SAP that of their accuracy
    (Kumar et al. 2018); DCI is the entropy of each unit's information over the kinds of labels, and of each label's
    information over the units (Eastwood and Williams 2018). The null is the same number of 19 random rotations of z.
    """

    no_truth: ClassVar[str] = "it depends on labels; the information of known labels is checked by quadrature"
    suite = "full"

    def estimate(self, evidence: Evidence) -> Estimates:
        """Return ``disentanglement_information``, ``_mig`` and ``_sap``, each with ``_KIND`` if there are several
        kinds, and ``disentanglement_units`` (for two kinds) and ``disentanglement_labels`` of all kinds together."""
        kinds = _kinds(evidence)
        z_ND = _standardised(evidence)
        readings = {kind: read_units(z_ND[known.rows], known.labels) for kind, known in kinds.items()}
        null: dict[str, list[float]] = {}
        for turned_ND in _rotations(z_ND):
            turned = {kind: read_units(turned_ND[known.rows], known.labels) for kind, known in kinds.items()}
            for name, value in _values(turned).items():
                null.setdefault(name, []).append(value)
        found: dict[str, Estimate] = {}
        for kind, reading in readings.items():
            found |= _of_kind(
                f"_{kind}" if len(kinds) > 1 else "", reading, evidence.facts.label_information, null, kind
            )
        return found | _of_all(readings, kinds, null, evidence.draws.texts)

    def findings(self, estimates: Estimates, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        """Judge for each kind of label whether one unit holds more of it than an arbitrary direction."""
        names = [name for name in estimates if name.startswith("disentanglement_mig")]
        return [_finding(name, estimates) for name in names]

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Information of each unit about each kind of label, in nats; the units that hold most are shown."""
        names = [name for name in estimates if name.startswith("disentanglement_information")]
        figure, (axes,) = plotting.axes(5, 3)
        nats_KD = torch.tensor([estimates[name].detail["units"] for name in names]).clamp_min(0)
        shown = nats_KD.sum(0).argsort(descending=True)[:16].sort().values
        width = 0.8 / len(names)
        for row, name in enumerate(names):
            place = torch.arange(len(shown)) + (row - (len(names) - 1) / 2) * width
            label = name.removeprefix("disentanglement_information").removeprefix("_") or "label"
            colour = plotting.PALETTE[row % len(plotting.PALETTE)]
            axes.bar(place.numpy(), nats_KD[row, shown].numpy(), width, color=colour, label=label)
        axes.set_xticks(range(len(shown)), [str(int(unit)) for unit in shown])
        axes.set(xlabel="latent unit", ylabel="information on the label (nats)")
        if len(names) > 1:
            axes.legend(frameon=False)
        return figure


def _kinds(evidence: Evidence) -> dict[str, Kind]:
    """Return the labelled texts of each kind that has two labels in enough of them."""
    kinds = need(evidence.facts.label_kinds or None, "labels", "set data.label, or assess with --labels FILE")
    copies = evidence.draws.clusters()
    rows = range(evidence.draws.texts) if copies is None else copies.first.tolist()
    found = {}
    for kind, labels in kinds.items():
        counts = Counter(labels[i] for i in rows if labels[i])
        # a label of a single text can never be read
        own = [i for i in rows if counts[labels[i]] > 1]
        if len(own) >= FEWEST and len({labels[i] for i in own}) > 1:
            found[kind] = Kind(torch.tensor(own), [labels[i] for i in own])
    if not found:
        raise Missing(f"no kind of label with 2 labels in {FEWEST} texts: assess more texts")
    return found


def _standardised(evidence: Evidence) -> Tensor:
    z_ND = evidence.draws.z[0].double()
    return (z_ND - z_ND.mean(0)) / z_ND.std(0).clamp_min(1e-12)


def _rotations(z_ND: Tensor) -> list[Tensor]:
    """Return z in random orthonormal bases."""
    size, generator = z_ND.shape[1], stream(0, "rotations")
    if size == 1:
        return []
    noise = torch.randn(ROTATIONS, size, size, generator=generator, dtype=torch.float64)
    return [z_ND @ torch.linalg.qr(noise_DD).Q for noise_DD in noise]


def _values(readings: dict[str, UnitReadings]) -> dict[str, float]:
    """Return the summaries of all kinds, without errors."""
    values = {}
    for kind, reading in readings.items():
        nothing_N = torch.zeros(len(reading.own), dtype=torch.float64)
        values[f"mig {kind}"] = reading.gap(reading.gains, nothing_N)[0].mean().item() / reading.entropy
        values[f"sap {kind}"] = reading.gap(reading.right, reading.commonest)[0].mean().item()
        values[f"information {kind}"] = reading.best().mean().item()
    shares_DK = torch.stack([(r.gains.mean(0) / r.entropy).clamp_min(0) for r in readings.values()], 1)
    return values | {"units": disentanglement(shares_DK).item(), "labels": completeness(shares_DK).item()}


def _of_kind(
    suffix: str, reading: UnitReadings, information: float | None, null: dict[str, list[float]], kind: str
) -> Estimates:
    """Return the numbers of one kind of label, each with the largest of random rotations."""
    entropy, count = reading.entropy, len(reading.own)
    most = entropy if information is None else min(entropy, information)
    gap_N, units = reading.gap(reading.gains, torch.zeros(count, dtype=torch.float64))
    accuracy_N, _ = reading.gap(reading.right, reading.commonest)
    top = reading.gains.mean(0)
    detail = {"units": top.tolist(), "entropy": entropy, "label_information": information}
    nats = mean_of(reading.best(), unit="nats/text", kind="lower", detail=detail | _turned(null, f"information {kind}"))
    named = [[int(unit) if unit < len(top) else None for unit in pair] for pair in units]
    detail = {"best_units": named, "ceiling": most / entropy}
    mig = mean_of(gap_N / entropy, unit="of H(label)", kind="consistent", detail=detail | _turned(null, f"mig {kind}"))
    sap = mean_of(accuracy_N, unit="accuracy", kind="consistent", detail=_turned(null, f"sap {kind}"))
    # where no unit holds anything, every text has the gap 0
    mig, sap = bounded(mig, -1.0, 1.0), bounded(sap, -1.0, 1.0)
    return {
        f"disentanglement_information{suffix}": replace(nats, ceiling=most),
        f"disentanglement_mig{suffix}": mig,
        f"disentanglement_sap{suffix}": sap,
    }


def _turned(null: dict[str, list[float]], name: str) -> dict[str, float | None]:
    values = [value for value in null.get(name, []) if math.isfinite(value)]
    return {"rotated": max(values, default=None)}


def _of_all(
    readings: dict[str, UnitReadings], kinds: dict[str, Kind], null: dict[str, list[float]], texts: int
) -> Estimates:
    """Return the entropies of the information over kinds and over units, by the jackknife over texts."""
    blocks = jackknife.block_count(min(len(kind.rows) for kind in kinds.values()))
    shares = [
        jackknife.means(reading.gains, blocks, index_N=kinds[kind].rows) / reading.entropy
        for kind, reading in readings.items()
    ]
    shares_GDK = torch.stack(shares, -1).clamp_min(0)
    if not shares_GDK.sum((1, 2)).all() or shares_GDK.shape[1] < 2:
        return {}
    summaries = {"labels": completeness(shares_GDK)}
    if len(kinds) > 1:
        summaries["units"] = disentanglement(shares_GDK)
    return {
        f"disentanglement_{name}": Estimate(
            value=jackknife.value(values_G),
            se=jackknife.standard_error(values_G),
            unit="of the information",
            kind="consistent",
            n=min(texts, *(len(kind.rows) for kind in kinds.values())),
            detail=_turned(null, name),
        )
        for name, values_G in summaries.items()
    }


def _finding(name: str, estimates: Estimates) -> Finding:
    kind = name.removeprefix("disentanglement_mig").removeprefix("_") or "label"
    gap, nats = estimates[name], estimates[name.replace("_mig", "_information")]
    rotated = gap.detail["rotated"]
    limit = 0.0 if rotated is None else rotated
    unit = gap.detail["best_units"][0][0]
    message = f"one unit holds {max(0.0, nats.value):.2f} of {nats.detail['entropy']:.2f} nats of the {kind}"
    message += f" (unit {unit})" if unit is not None else ""
    if nats.detail["label_information"] is not None:
        message += f", of which a text tells {nats.detail['label_information']:.2f}"
    message += f"; the gap to the next unit is {gap.value:.1%} ± {gap.se:.1%} of them"
    message += "" if rotated is None else f", in random directions up to {rotated:.1%}"
    rule = Rule(
        max(0.0, limit),
        -math.inf,
        gap.unit,
        good="above",
        subject="the gap, compared with random directions,",
        seen=Condition("surely below", gap.high < max(limit, 1e-6)),
    )
    step = "the units are no better than any other directions: compare codes by the probe, or train with labels"
    return rule.judge(f"disentanglement{name.removeprefix('disentanglement_mig')}", gap, message, next_step=step)
