r"""Sums over many components of which few matter: the others are skipped, with a bound on what they add.

A diagonal Gaussian is at most its density in some dimensions A times its highest density in the others,

.. math:: \log N(z; m, s^2) \le \sum_{d \in A} \log N(z_d; m_d, s_d^2) - \sum_{d \notin A} \log(s_d \sqrt{2\pi}).

For the few dimensions that tell components apart best, this bound is a small matrix product in float32. Let L be the
density of one component at z, so that the sum is at least :math:`e^L`. Every component whose bound is below
:math:`L + \log(\epsilon / N)` is skipped: all of them together add at most :math:`\epsilon e^L`, which is an error of
at most :math:`\epsilon` nats in the log of the sum. The others are computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.estimators.gaussian import LOG_2PI

SKIPPED = 1e-7
"""Most nats by which all that is skipped can change the log of a sum."""

_DIMENSIONS = (8, 16)
"""Dimensions of the bound: the fewer are tried first."""

_ROWS, _COLUMNS, _PAIRS = 512, 1_024, 2**16
_SAMPLE, _SOME = 96, 2**14
_MOST_SLACK = 1e4
"""Nats of rounding from which on the bounds are of no use."""

_WORTH = 0.001
"""Largest share of pairs that may remain: a remaining pair costs some hundred times as much as a pair of a product."""


@dataclass(frozen=True)
class Bound:
    """The bounds of N components, linear in the features (z^2, z) of the dimensions A, in float32.

    Attributes:
        dimensions: A.
        centre: what is subtracted from z.
        weights: ``[2 |A|, N]``.
        bias: ``[N]``.
        slack: greatest rounding error of a bound per unit of the features, ``[2 |A| + 1]``.
    """

    dimensions: Tensor
    centre: Tensor
    weights: Tensor
    bias: Tensor
    slack: Tensor

    @classmethod
    def of(cls, mean_ND: Tensor, std_ND: Tensor, log_highest_N: Tensor, dimensions: Tensor) -> Bound:
        """Return the bound in some dimensions of weighted components, given the logs of their highest densities."""
        mean_NA, std_NA = mean_ND[:, dimensions].double(), std_ND[:, dimensions].double()
        centre = mean_NA.mean(0)
        mean_NA -= centre
        precision_NA = std_NA.square().reciprocal()
        bias_N = log_highest_N - 0.5 * (mean_NA.square() * precision_NA).sum(1)
        weights_FN = torch.cat([-0.5 * precision_NA, mean_NA * precision_NA], 1).mT
        # each of the 2 |A| + 1 terms is rounded once, and their sum as often as there are terms
        unit = (2 * len(weights_FN) + 4) * torch.finfo(torch.float32).eps
        largest = bias_N.masked_fill(bias_N == -torch.inf, 0).abs().amax()
        slack = unit * torch.cat([weights_FN.abs().amax(1), largest.view(1)])
        return cls(dimensions, centre, weights_FN.float().contiguous(), bias_N.float(), slack)

    def features(self, z_RD: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features of points, and by how much their bounds can be too low."""
        z_RA = z_RD[:, self.dimensions].double() - self.centre
        features_RF = torch.cat([z_RA.square(), z_RA], 1)
        return features_RF.float(), features_RF.abs() @ self.slack[:-1] + self.slack[-1]


def log_sums_of_few(
    z_MD: Tensor, mean_ND: Tensor, std_ND: Tensor, log_weight_N: Tensor, own_M: Tensor | None
) -> Tensor | None:
    """Return log sum_j w_j N(z_m; mean_j, std_j^2) to within ``SKIPPED``, ``[M]``; None where many matter.

    Args:
        z_MD: points.
        mean_ND: means of the components.
        std_ND: their standard deviations.
        log_weight_N: the logs of their weights.
        own_M: for each point a component that is left out, or -1.

    >>> mean = torch.cartesian_prod(torch.arange(64.0), torch.arange(64.0))
    >>> alone = log_sums_of_few(mean[:3], mean, torch.full_like(mean, 0.1), torch.zeros(64 * 64), None)
    >>> [round(log_p, 4) for log_p in alone.tolist()]
    [2.7673, 2.7673, 2.7673]
    """
    if torch.get_float32_matmul_precision() != "highest":
        return None
    # whether it is worth while is first asked of some components and of points drawn from them, at next to no cost
    some = torch.linspace(0, len(mean_ND) - 1, min(_SOME, len(mean_ND))).long()
    part = (mean_ND[some], std_ND[some], log_weight_N[some])
    noise = torch.randn(part[0].shape, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", enabled=False):
        if _worth_while((part[0] + part[1] * noise)[:: max(1, len(some) // _SAMPLE)], *part, None) is None:
            return None
        sums = _worth_while(z_MD, mean_ND, std_ND, log_weight_N, own_M)
        return None if sums is None else torch.cat([sums.of(rows) for rows in torch.arange(len(z_MD)).split(_ROWS)])


def _worth_while(
    z_MD: Tensor, mean_ND: Tensor, std_ND: Tensor, log_weight_N: Tensor, own_M: Tensor | None
) -> _Sums | None:
    """Return the sums with the first bound that leaves few enough pairs of some of the points."""
    log_highest_N = _log_highest(std_ND, log_weight_N)
    # the dimensions whose means vary most in units of the standard deviations
    spread_D = mean_ND.var(0, correction=0) / std_ND.square().mean(0)
    sample = torch.linspace(0, len(z_MD) - 1, min(_SAMPLE, len(z_MD))).long()
    for count in _DIMENSIONS:
        dimensions = spread_D.topk(min(count, len(spread_D))).indices
        bound = Bound.of(mean_ND, std_ND, log_highest_N, dimensions)
        if bound.features(z_MD)[1].max() > _MOST_SLACK:
            return None
        sums = _Sums(bound, z_MD, mean_ND, std_ND, log_weight_N, own_M)
        if sums.share(sample) <= _WORTH:
            return sums
    return None


@dataclass(frozen=True)
class _Sums:
    """The arguments of ``log_sums_of_few``, and what is computed of them for some of the points."""

    bound: Bound
    points: Tensor
    mean: Tensor
    std: Tensor
    log_weight: Tensor
    own: Tensor | None

    def of(self, rows: Tensor) -> Tensor:
        """Return the logs of the sums of some points."""
        highest_R, total_R = torch.full((len(rows),), -torch.inf).double(), torch.zeros(len(rows)).double()
        for row_S, column_S in _gathered(self._remaining(rows)):
            log_p_S = self._log_p(rows[row_S], column_S)
            new_R = highest_R.scatter_reduce(0, row_S, log_p_S, "amax")
            total_R *= torch.where(highest_R > -torch.inf, highest_R - new_R, 0).exp()
            total_R.index_add_(0, row_S, (log_p_S - new_R[row_S]).exp())
            highest_R = new_R
        return total_R.log() + highest_R

    def share(self, rows: Tensor) -> float:
        """Return the share of pairs that cannot be skipped for some points, or of those until it is too large."""
        left, pairs = 0, len(rows) * len(self.mean)
        for row_S, _ in self._remaining(rows):
            left += len(row_S)
            if left > _WORTH * pairs:
                break
        return left / pairs

    def _remaining(self, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the pairs of a point, as its place in ``rows``, and a component that cannot be skipped."""
        features_RF, slack_R = self.bound.features(self.points[rows])
        tiles = list(_slices(len(self.mean), _COLUMNS))
        tops_RT = torch.stack([self._bounds(rows, features_RF, columns).amax(1) for columns in tiles], 1)
        least_R = self._one_of_the_highest(rows, features_RF, tops_RT)
        limit_R = (least_R + math.log(SKIPPED / len(self.mean)) - slack_R).float()
        limit_R = limit_R.nextafter(torch.tensor(-torch.inf))
        matter_TR = (tops_RT > limit_R[:, None]).mT.contiguous()
        for tile in matter_TR.any(1).nonzero().squeeze(1).tolist():
            here = matter_TR[tile].nonzero().squeeze(1)
            bounds = self._bounds(rows[here], features_RF[here], tiles[tile])
            row_S, column_S = (bounds > limit_R[here, None]).nonzero(as_tuple=True)
            yield here[row_S], column_S + tiles[tile].start

    def _one_of_the_highest(self, rows: Tensor, features_RF: Tensor, tops_RT: Tensor) -> Tensor:
        """Return the density at each point of the component with the highest bound, which the sum is at least."""
        tile_R, place_R = tops_RT.argmax(1), torch.empty(len(rows), dtype=torch.int64)
        for tile in tile_R.unique().tolist():
            here, start = (tile_R == tile).nonzero().squeeze(1), tile * _COLUMNS
            bounds = self._bounds(rows[here], features_RF[here], slice(start, start + _COLUMNS))
            place_R[here] = start + bounds.argmax(1)
        return torch.where(tops_RT.amax(1) > -torch.inf, self._log_p(rows, place_R), -torch.inf)

    def _bounds(self, rows: Tensor, features_RF: Tensor, columns: slice) -> Tensor:
        tile_RC = torch.addmm(self.bound.bias[columns], features_RF, self.bound.weights[:, columns])
        if self.own is not None:
            own_R = self.own[rows]
            inside = ((own_R >= columns.start) & (own_R < columns.stop)).nonzero().squeeze(1)
            tile_RC[inside, own_R[inside] - columns.start] = -torch.inf
        return tile_RC

    def _log_p(self, point_S: Tensor, component_S: Tensor) -> Tensor:
        std_SD = self.std[component_S].double()
        distance_SD = (self.points[point_S].double() - self.mean[component_S]) / std_SD
        log_p_S = -(0.5 * distance_SD.square() + std_SD.log() + 0.5 * LOG_2PI).sum(1)
        return log_p_S + self.log_weight[component_S]


def _log_highest(std_ND: Tensor, log_weight_N: Tensor) -> Tensor:
    """Return the log of the density of each component at its mean, weight included, ``[N]``."""
    parts = [std_ND[part].double().log().sum(1) for part in _slices(len(std_ND), 2**16)]
    return log_weight_N.double() - torch.cat(parts) - 0.5 * LOG_2PI * std_ND.shape[1]


def _gathered(parts: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same pairs in fewer, larger parts."""
    kept: list[tuple[Tensor, Tensor]] = []
    for part in parts:
        kept.append(part)
        if sum(len(rows) for rows, _ in kept) > _PAIRS:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _joined(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    return torch.cat([rows for rows, _ in parts]), torch.cat([columns for _, columns in parts])


def _slices(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
