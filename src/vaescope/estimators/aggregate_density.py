"""The aggregate posterior q_N(z) = 1/N sum_j q(z|x_j), evaluated by streamed matrix products.

The exponent of a diagonal Gaussian is linear in the features (z^2, z), so the log densities of M points under N
posteriors are one matrix product, computed in tiles that fit in the cache: no [M, N, D] or [M, N] array is created.
The product is in float64, since its terms are of size 1/std^2; the exponentials are in float32 after the maximum of
the tile is subtracted, which costs a relative 1e-6 of the sum.

Where there are very many pairs and the posteriors are narrow, most components cannot matter at a point:
``components_that_matter`` skips them, which changes a log density by at most 1e-7 nats.

Components come in *blocks* (component j is in block j mod G), so that the same pass serves the jackknife. A text that
appears several times is one component with the number of its copies as its weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from vaescope.estimators.components_that_matter import log_sums_of_few
from vaescope.estimators.gaussian import LOG_2PI

_ROWS, _COLUMNS = 512, 1024
_COMPONENTS = 2**16
_MANY_PAIRS = 2**28
"""From this many pairs of a point and a component on, try to skip components that cannot matter."""
_SMALLEST = -80.0
"""Smallest exponent: exp(-80) = 2e-35 adds nothing to a sum above 1, and below exp(-87) floats are slow (denormal)."""


def log_aggregate(z_MD: Tensor, mean_ND: Tensor, std_ND: Tensor) -> Tensor:
    """Log density of the aggregate posterior: log 1/N sum_j N(z; mean_j, std_j^2), ``[M]``, float64.

    >>> z = torch.zeros(1, 2)
    >>> round(log_aggregate(z, torch.zeros(3, 2), torch.ones(3, 2)).item(), 4)
    -1.8379
    """
    return log_block_sums(z_MD, mean_ND, std_ND).logsumexp(1) - math.log(mean_ND.shape[0])


def log_block_sums(
    z_MD: Tensor,
    mean_ND: Tensor,
    std_ND: Tensor,
    *,
    own_M: Tensor | None = None,
    blocks: int = 1,
    weight_N: Tensor | None = None,
) -> Tensor:
    """Log of the sum of the densities in each block, log sum_{j in block} w_j N(z_m; mean_j, std_j^2), ``[M, G]``.

    Args:
        z_MD: points.
        mean_ND: means of the components.
        std_ND: their standard deviations.
        own_M: for each point a component that is left out of its sum (the posterior that it was drawn from).
        blocks: the number G of blocks; component j is in block j mod G.
        weight_N: the weight w of each component; 1 by default.
    """
    sums = []
    for block in _in_blocks(mean_ND, std_ND, own_M, blocks, weight_N):
        few_M = None
        if len(z_MD) * len(block.mean) >= _MANY_PAIRS:
            few_M = log_sums_of_few(z_MD, *block)
        sums.append(_log_sums(z_MD, *block) if few_M is None else few_M)
    return torch.stack(sums, 1)


def log_marginal_block_sums(
    z_MD: Tensor,
    mean_ND: Tensor,
    std_ND: Tensor,
    *,
    own_M: Tensor | None = None,
    blocks: int = 1,
    weight_N: Tensor | None = None,
) -> Tensor:
    """The same for each dimension separately: log sum_{j in block} w_j N(z_md; mean_jd, std_jd^2), ``[M, G, D]``.

    The cost is M * N * D exponentials, so choose M accordingly. Differences are computed directly, so float32 is
    enough.
    """
    z_MD, mean_ND, std_ND = z_MD.float(), mean_ND.float(), std_ND.float()
    size = z_MD.shape[1]
    rows_at_once = max(1, _ROWS * _COLUMNS // (size * min(_COLUMNS, -(-mean_ND.shape[0] // blocks))))
    result_MGD = torch.empty(z_MD.shape[0], blocks, size, dtype=torch.float64)
    for number, block in enumerate(_in_blocks(mean_ND, std_ND, own_M, blocks, weight_N)):
        mean_DB, std_DB = block.mean.mT.contiguous(), block.std.mT.contiguous()
        for rows in _slices(z_MD.shape[0], rows_at_once):
            own_R = None if block.own is None else block.own[rows]
            result_MGD[rows, number] = _log_marginal_row_sums(
                z_MD[rows], mean_DB, std_DB, block.log_weight.float(), own_R
            )
    return result_MGD


class _Block(NamedTuple):
    """The components of one block, ``[B]``; ``own`` is the position in it of what each point leaves out (-1: none)."""

    mean: Tensor
    std: Tensor
    log_weight: Tensor
    own: Tensor | None


def _in_blocks(
    mean_ND: Tensor, std_ND: Tensor, own_M: Tensor | None, blocks: int, weight_N: Tensor | None
) -> Iterator[_Block]:
    count = len(mean_ND)
    log_weight_N = torch.zeros(count, dtype=torch.float64) if weight_N is None else weight_N.double().log()
    for block in range(blocks):
        own_in_M = None if own_M is None else torch.where(own_M % blocks == block, own_M // blocks, -1)
        yield _Block(mean_ND[block::blocks], std_ND[block::blocks], log_weight_N[block::blocks], own_in_M)


def _log_sums(z_MD: Tensor, mean_BD: Tensor, std_BD: Tensor, log_weight_B: Tensor, own_M: Tensor | None) -> Tensor:
    """Log of the sum of the densities of all components, ``[M]``; the linear form exists for some of them at a time."""
    centre_D = mean_BD.mean(0, dtype=torch.float64)
    z_MD = z_MD.double() - centre_D
    features_MF = torch.cat([z_MD.square(), z_MD], 1)
    result_M = torch.full((len(z_MD),), -torch.inf, dtype=torch.float64)
    for part in _slices(len(mean_BD), _COMPONENTS):
        weights_FB, bias_B = _linear_form(mean_BD[part].double() - centre_D, std_BD[part].double())
        bias_B = bias_B + log_weight_B[part]
        for rows in _slices(len(z_MD), _ROWS):
            own_R = None if own_M is None else own_M[rows] - part.start
            result_M[rows] = result_M[rows].logaddexp(_log_row_sums(features_MF[rows], weights_FB, bias_B, own_R))
    return result_M


def _linear_form(mean_BD: Tensor, std_BD: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [F, B] and bias [B] with log density = (z^2, z) @ weights + bias."""
    precision_BD = std_BD.square().reciprocal()
    weights_FB = torch.cat([-0.5 * precision_BD, mean_BD * precision_BD], 1).mT.contiguous()
    bias_B = -(0.5 * mean_BD.square() * precision_BD + std_BD.log() + 0.5 * LOG_2PI).sum(1)
    return weights_FB, bias_B


def _log_row_sums(features_RF: Tensor, weights_FB: Tensor, bias_B: Tensor, own_R: Tensor | None) -> Tensor:
    parts = []
    for columns in _slices(bias_B.numel(), _COLUMNS):
        tile_RC = torch.addmm(bias_B[columns], features_RF, weights_FB[:, columns])
        parts.append(_log_sum_exp(_without_own(tile_RC, own_R, columns)))
    return torch.stack(parts, 1).logsumexp(1)


def _log_marginal_row_sums(
    z_RD: Tensor, mean_DB: Tensor, std_DB: Tensor, log_weight_B: Tensor, own_R: Tensor | None
) -> Tensor:
    parts = []
    scale_DB = std_DB.reciprocal() * math.sqrt(0.5)
    bias_DB = log_weight_B - std_DB.log() - 0.5 * LOG_2PI
    for columns in _slices(mean_DB.shape[1], _COLUMNS):
        distance_RDC = (z_RD[:, :, None] - mean_DB[:, columns]).mul_(scale_DB[:, columns])
        tile_RDC = torch.addcmul(bias_DB[:, columns], distance_RDC, distance_RDC, value=-1)
        parts.append(_log_sum_exp(_without_own(tile_RDC, own_R, columns)))
    return torch.stack(parts, -1).logsumexp(-1)


def _without_own(tile: Tensor, own_R: Tensor | None, columns: slice) -> Tensor:
    if own_R is not None:
        rows = ((own_R >= columns.start) & (own_R < columns.stop)).nonzero().squeeze(1)
        tile[rows, ..., own_R[rows] - columns.start] = -torch.inf
    return tile


def _log_sum_exp(tile: Tensor) -> Tensor:
    """Log-sum-exp over the last dimension, overwriting the tile: the exponentials are in float32."""
    lowest = torch.finfo(tile.dtype).min
    highest = tile.amax(-1, keepdim=True).clamp_min_(lowest)
    sums = tile.sub_(highest).clamp_min_(_SMALLEST).float().exp_().sum(-1)
    return sums.double().log_().add_(highest.squeeze(-1))


def _slices(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
