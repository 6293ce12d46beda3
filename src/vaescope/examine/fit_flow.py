"""Fit a flow to the encodings of training texts: a density that bounds the information of assessed texts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from vaescope.evidence.draws import Draws
from vaescope.evidence.encodings import Encodings
from vaescope.evidence.stacked_marginal import unseen
from vaescope.examine.fitted_priors import flow, sampled
from vaescope.randomness import stream

FEWEST = 100
"""Fewest training texts that a flow is fitted to."""
HELD_OUT = 0.1
"""Share of the training texts that choose the step of training."""


def fit_flow(training: Encodings, draws: Draws, *, seed: int) -> dict[str, Tensor]:
    r"""Return log g(z_i) at the first z of each assessed text, ``[N]``, under the name ``a flow``.

    g is a neural spline flow of the standardised encodings. Texts that are assessed too are left out of its training,
    so g does not depend on the assessed texts and R_g = E KL(q(z|x) || g) bounds their information from above. With
    fewer than 100 other texts nothing is fitted.

    Raises:
        UserError: zuko is not installed.
    """
    order = torch.nonzero(unseen(draws, training)).squeeze(1)
    order = order[torch.randperm(len(order), generator=stream(seed, "flow of training encodings"))]
    if len(order) < FEWEST:
        return {}
    z_TD = sampled(training, seed=seed, purpose="flow of training encodings")[order]
    centre_D, scale_D = z_TD.mean(0), z_TD.std(0).clamp_min(1e-6)

    def standardised(index: Tensor) -> Encodings:
        return replace(
            training,
            mean=(training.mean[index] - centre_D) / scale_D,
            std=training.std[index] / scale_D,
            text_id=None,
        )

    held_out = max(1, int(HELD_OUT * len(order)))
    valid_VD = (z_TD[:held_out] - centre_D) / scale_D
    with torch.enable_grad():
        found = next(flow(standardised(order[held_out:]), lambda g: -g.log_prob(valid_VD).mean().item(), seed=seed))
    with torch.no_grad():
        log_g_N = found.prior.log_prob((draws.z[0].float() - centre_D) / scale_D).double()
    return {"a flow": log_g_N - scale_D.double().log().sum()}
