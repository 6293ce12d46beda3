"""Whether two codes of the same texts are one code up to a linear map, or up to the order and sign of the units.

A latent space with the prior N(0, I) is determined up to a rotation at most, so codes of two seeds are compared after
the best linear map (canonical correlations, Hotelling 1936). The mean of the correlations is the linear MCC
(Khemakhem et al. 2020, arXiv:2002.11537; Raghu et al. 2017, arXiv:1706.05806). Maps are fitted to one half of the texts
and judged on the other half, each way round.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vaescope.errors import Missing
from vaescope.estimators import jackknife
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate
from vaescope.randomness import stream

ACTIVE = 0.01
"""Variance over texts above which a direction of the posterior means counts (Burda et al. 2016)."""
PERMUTATIONS, MOST = 19, 4000

Pairs = tuple[Tensor, Tensor]
"""Values of matched directions of two codes, ``[N, K]`` each."""


@dataclass(frozen=True)
class Agreement:
    """How much two codes agree, as correlations of 0 to 1.

    Attributes:
        linear: the mean correlation after the best linear map. Its detail has the number of directions of both codes,
            and ``null``, the largest of 19 times with the texts of one code permuted.
        units: the mean absolute correlation of single units, matched one to one: it asks for the same axes, too.
    """

    linear: Estimate
    units: Estimate


def agreement(ours_ND: Tensor, theirs_NE: Tensor, copies: Copies) -> Agreement:
    """Compare two codes of the same texts; copies of a text count once, and of many texts 4,000 are used.

    Directions beyond those of the poorer code count as 0, so a seed that uses fewer of them lowers the agreement.

    Args:
        ours_ND: posterior means of one model, ``[N, D]``.
        theirs_NE: posterior means of the other one on the same texts, ``[N, E]``.
        copies: which rows are the same text.

    Raises:
        Missing: a code whose means hardly vary, or fewer texts than a linear map of this size needs.

    >>> code_ND = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> turned_ND = code_ND @ torch.linalg.qr(torch.ones(3, 3) + torch.eye(3)).Q
    >>> found = agreement(code_ND, turned_ND, Copies.of(torch.arange(500)))
    >>> round(found.linear.value, 3), found.linear.detail["null"] < 0.2, found.units.value < 0.95
    (1.0, True, True)
    """
    chosen = copies.first[torch.randperm(copies.distinct, generator=stream(0, "texts of two codes"))[:MOST]]
    ours_ND, theirs_NE = ours_ND[chosen].double(), theirs_NE[chosen].double()
    parts = _directions(ours_ND), _directions(theirs_NE)
    ours, theirs = (part.shape[1] for part in parts)
    if not ours or not theirs:
        raise Missing(f"the posterior means of a run do not vary by more than {ACTIVE:g} in any direction")
    if len(chosen) < 4 * (ours + theirs + 2):
        raise Missing(f"{len(chosen)} texts for a linear map of {ours} to {theirs} directions: assess more texts")
    null = []
    for draw in range(PERMUTATIONS):
        order = torch.randperm(len(chosen), generator=stream(0, "permuted texts", draw))
        null.append(jackknife.value(_correlation(parts[0], parts[1][order], _canonical)))
    linear_G = _correlation(*parts, _canonical)
    units = _standardised(ours_ND), _standardised(theirs_NE)
    detail = {"directions": [ours, theirs], "null": max(null)}
    linear = replace(_estimate(linear_G, len(chosen)), detail=detail)
    return Agreement(linear, _estimate(_correlation(*units, _matched), len(chosen)))


def _directions(code_ND: Tensor) -> Tensor:
    """The principal directions whose variance counts, ``[N, K]``."""
    centred_ND = code_ND - code_ND.mean(0)
    left_NK, scale_K, _ = torch.linalg.svd(centred_ND, full_matrices=False)
    keep_K = scale_K.square() / len(code_ND) > ACTIVE
    return left_NK[:, keep_K] * len(code_ND) ** 0.5


def _standardised(code_ND: Tensor) -> Tensor:
    """The units whose variance counts, with variance 1."""
    keep_D = code_ND.var(0, correction=0) > ACTIVE
    code_ND = code_ND[:, keep_D] if keep_D.any() else code_ND
    return (code_ND - code_ND.mean(0)) / code_ND.std(0, correction=0).clamp_min(1e-12)


def _correlation(ours_NK: Tensor, theirs_NL: Tensor, fit: Callable[[Tensor, Tensor], Pairs]) -> Tensor:
    """The mean held-out correlation of matched directions, with the values without each block of texts, ``[1 + G]``.

    ``fit`` returns weights of both codes, ``[K, M]`` and ``[L, M]``, M = min(K, L).
    """
    most = max(ours_NK.shape[1], theirs_NL.shape[1])
    half_N = torch.arange(len(ours_NK)) % 2 == 0
    found = []
    for side in (False, True):
        seen, held = half_N == side, half_N != side
        ours_KM, theirs_LM = fit(ours_NK[seen], theirs_NL[seen])
        u_NM, v_NM = ours_NK[held] @ ours_KM, theirs_NL[held] @ theirs_LM
        moments = torch.stack([u_NM, v_NM, u_NM.square(), v_NM.square(), u_NM * v_NM], -1)
        u, v, uu, vv, uv = jackknife.means(moments, jackknife.block_count(len(u_NM))).unbind(-1)
        spread = ((uu - u * u) * (vv - v * v)).clamp_min(1e-24).sqrt()
        found.append(((uv - u * v) / spread).sum(1) / most)
    blocks = min(len(part) for part in found)
    value = (found[0][:1] + found[1][:1]) / 2
    # the halves are independent: leaving out a block of one leaves the other as it is
    left_out = [found[i][1:blocks] / 2 + found[1 - i][:1] / 2 for i in (0, 1)]
    return torch.cat([value, *left_out])


def _canonical(ours_NK: Tensor, theirs_NL: Tensor) -> Pairs:
    white = [_whitening(part) for part in (ours_NK, theirs_NL)]
    covariance_KL = (ours_NK - ours_NK.mean(0)).mT @ (theirs_NL - theirs_NL.mean(0)) / len(ours_NK)
    left, _, right = torch.linalg.svd(white[0].mT @ covariance_KL @ white[1], full_matrices=False)
    return white[0] @ left, white[1] @ right.mT


def _whitening(part_NK: Tensor) -> Tensor:
    covariance_KK = torch.atleast_2d(torch.cov(part_NK.mT, correction=0))
    values_K, vectors_KK = torch.linalg.eigh(covariance_KK)
    return vectors_KK / values_K.clamp_min(1e-12).sqrt()


def _matched(ours_NK: Tensor, theirs_NL: Tensor) -> Pairs:
    """One unit of the other code for each unit, by the assignment of the largest total |correlation|, with signs."""
    correlation_KL = torch.corrcoef(torch.cat([ours_NK, theirs_NL], 1).mT)[: ours_NK.shape[1], ours_NK.shape[1] :]
    rows, columns = linear_sum_assignment(-correlation_KL.abs().numpy())
    ours_KM = torch.eye(ours_NK.shape[1], dtype=torch.float64)[:, rows]
    signs_M = correlation_KL[rows, columns].sign()
    return ours_KM, torch.eye(theirs_NL.shape[1], dtype=torch.float64)[:, columns] * signs_M


def _estimate(values_G: Tensor, texts: int) -> Estimate:
    return Estimate(
        value=jackknife.value(values_G),
        se=jackknife.standard_error(values_G),
        unit="correlation",
        kind="lower",
        n=texts,
    )
