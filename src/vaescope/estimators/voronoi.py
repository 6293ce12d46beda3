"""Two samples compared by counts in Voronoi cells around points of both (PQMass: Lemos et al. 2024, arXiv:2402.04355).

Under equal distributions the rows of both samples can be exchanged, so a p-value by permuted rows is exact for every
sample size. As the size of the difference serves the Jensen-Shannon divergence of the two distributions over cells,
which is at most that of the distributions themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.estimators import jackknife
from vaescope.randomness import stream

TESSELLATIONS, PERMUTATIONS = 10, 199
PER_CELL, MOST_CELLS = 20, 100
"""Rows of both samples together in a cell on average, and the number of cells that the paper uses."""


@dataclass(frozen=True)
class CellComparison:
    """How far two samples are apart over cells.

    Attributes:
        divergence: the Jensen-Shannon divergence over cells in nats, mean over tessellations, without what permuted
            rows have on average.
        se: its standard error, by the jackknife over rows.
        p_value: share of permutations, the observed one included, with a divergence as large.
        cells: cells of a tessellation.
    """

    divergence: float
    se: float
    p_value: float
    cells: int


def compare_cells(x_ND: Tensor, y_MD: Tensor, *, seed: int = 0) -> CellComparison:
    """Compare two samples of independent rows.

    >>> generator = torch.Generator().manual_seed(0)
    >>> x_ND, y_ND = (torch.randn(500, 2, generator=generator) for _ in range(2))
    >>> compare_cells(x_ND, y_ND).p_value > 0.05, compare_cells(x_ND + 0.5, y_ND).p_value < 0.01
    (True, True)
    """
    rows = len(x_ND) + len(y_MD)
    pooled_RD = torch.cat([x_ND, y_MD]).double()
    cells = max(2, min(MOST_CELLS, rows // PER_CELL))
    generator = stream(seed, "Voronoi cells")
    place_RT = torch.stack([_cells(pooled_RD, cells, generator) for _ in range(TESSELLATIONS)], 1)
    place_RT = place_RT + cells * torch.arange(TESSELLATIONS)
    first_R = torch.arange(rows) < len(x_ND)
    observed = _divergence(_counts(place_RT, first_R, cells))
    null = torch.tensor(
        [
            _divergence(_counts(place_RT, first_R[torch.randperm(rows, generator=generator)], cells))
            for _ in range(PERMUTATIONS)
        ]
    )
    values_G = torch.tensor([observed, *_without_blocks(place_RT, first_R, cells)], dtype=torch.float64)
    return CellComparison(
        divergence=observed - null.mean().item(),
        se=jackknife.standard_error(values_G),
        p_value=(1 + int((null >= observed).sum())) / (1 + PERMUTATIONS),
        cells=cells,
    )


def _cells(pooled_RD: Tensor, cells: int, generator: torch.Generator) -> Tensor:
    """The nearest of random rows to each row, ``[R]``."""
    centres_CD = pooled_RD[torch.randperm(len(pooled_RD), generator=generator)[:cells]]
    return torch.cdist(pooled_RD, centres_CD).argmin(1)


def _counts(place_RT: Tensor, first_R: Tensor, cells: int) -> Tensor:
    """Rows of each sample in each cell of each tessellation, ``[2, T, C]``."""
    tessellations = place_RT.shape[1]
    counts = [
        place_RT[of_R].reshape(-1).bincount(minlength=tessellations * cells).view(tessellations, cells)
        for of_R in (first_R, ~first_R)
    ]
    return torch.stack(counts).double()


def _divergence(counts_2TC: Tensor) -> float:
    """Jensen-Shannon divergence with equal weights over cells, mean over tessellations, in nats."""
    share_2TC = counts_2TC / counts_2TC.sum(-1, keepdim=True)
    entropy = -torch.xlogy(share_2TC, share_2TC).sum(-1).mean(0)
    middle_TC = share_2TC.mean(0)
    return (-torch.xlogy(middle_TC, middle_TC).sum(-1) - entropy).mean().item()


def _without_blocks(place_RT: Tensor, first_R: Tensor, cells: int) -> list[float]:
    """The divergence without each block of rows of both samples."""
    order_R = torch.where(first_R, first_R.cumsum(0), (~first_R).cumsum(0)) - 1
    blocks = jackknife.block_count(int(min(first_R.sum(), (~first_R).sum())))
    block_R = order_R % blocks
    whole = _counts(place_RT, first_R, cells)
    found = []
    for block in range(blocks):
        inside_R = block_R == block
        found.append(_divergence(whole - _counts(place_RT[inside_R], first_R[inside_R], cells)))
    return found
