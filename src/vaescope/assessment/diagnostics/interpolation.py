"""Interpolation: are decoded texts between two encodings as probable as those at the ends, or does the path cross a
hole?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from typing_extensions import override

from vaescope import plotting
from vaescope.assessment.diagnostic import Diagnostic, Estimates
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import mean_of
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence, need


class Interpolation(Diagnostic):
    """-log p(x) per token of the greedy text in the middle of the path, minus the mean of the ends.

    Above 0, the middle decodes to texts that are improbable under the model: a hole. The detail has the whole profile,
    and the profile of -log p(x_a|z_t) of the first text, which rises with the distance from its z.
    """

    no_truth: ClassVar[str] = "it compares texts that the model decodes"
    blocked_by = ("identity_sampler",)
    suite = "full"

    @override
    def estimate(self, evidence: Evidence) -> Estimates:
        found = need(evidence.experiments.interpolation, "paths between texts", "assess with suite=full")
        ends_P = (found.decoded[:, 0] + found.decoded[:, -1]) / 2
        middle_P = found.decoded[:, found.decoded.shape[1] // 2]
        detail = {
            "steps": found.steps.tolist(),
            "decoded": found.decoded.mean(0).tolist(),
            "start": found.start.mean(0).tolist(),
        }
        copies = _paths_of_one_text(evidence.draws, len(middle_P))
        drop = mean_of(middle_P - ends_P, unit="nats/token", kind="consistent", detail=detail, copies=copies)
        return {"interpolation": drop}

    def figure(self, evidence: Evidence, estimates: Estimates) -> Figure:
        """Both profiles along the path."""
        figure, (axes,) = plotting.axes(5, 3)
        detail = estimates["interpolation"].detail
        axes.plot(detail["steps"], detail["decoded"], marker="o", label="text decoded there")
        axes.plot(detail["steps"], detail["start"], marker="o", label="text at the start")
        axes.set(xlabel="place on the path", ylabel="-log p (nats per token)")
        axes.legend(frameon=False)
        return figure


def _paths_of_one_text(draws: Draws, paths: int) -> Copies | None:
    """Group the paths i to P + i that are joined by copies of a text: they count as one observation."""
    index = torch.arange(2 * paths)
    if len(index) > draws.texts or (copies := draws.clusters(index)) is None:
        return None
    start_P, end_P = copies.text.numpy().reshape(2, paths)
    links = coo_array((np.ones(paths), (start_P, end_P)), shape=(copies.distinct, copies.distinct))
    return Copies.of(torch.from_numpy(connected_components(links, directed=False)[1][start_P]))
