"""The block jackknife: standard errors of statistics that are not means over independent texts.

A statistic of N texts is kept as a vector ``[1 + G]``: its value on all texts, then its values with one of G blocks
of texts left out (text i is in block i mod G). Sums, differences and ratios of such vectors are again such vectors, so
the standard error of any combination, including correlations, needs no derivation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from vaescope.estimators.estimate import quantile, widened

BLOCKS = 40


def block_count(texts: int) -> int:
    """Number of blocks G for N texts."""
    return min(BLOCKS, texts)


def means(values_N: Tensor, blocks: int, *, index_N: Tensor | None = None) -> Tensor:
    """Mean of all values, then the means without each block, ``[1 + G]`` (further dimensions are kept).

    ``index_N`` gives the texts if ``values_N`` belong to a subset.

    >>> means(torch.tensor([1.0, 2.0, 3.0]), 3)
    tensor([2.0000, 2.5000, 2.0000, 1.5000], dtype=torch.float64)
    """
    values_N = values_N.double()
    index_N = torch.arange(len(values_N)) if index_N is None else index_N
    sums_G = torch.zeros(blocks, *values_N.shape[1:], dtype=torch.float64).index_add_(0, index_N % blocks, values_N)
    counts_G = torch.bincount(index_N % blocks, minlength=blocks).double()
    total, count = sums_G.sum(0, keepdim=True), counts_G.sum()
    rest_G = (count - counts_G).reshape(-1, *[1] * (values_N.dim() - 1))
    return torch.cat([total / count, (total - sums_G) / rest_G])


def value(replicates: Tensor) -> float:
    """The statistic on all texts."""
    return replicates[0].item()


def standard_error(replicates: Tensor) -> float:
    """Delete-a-block jackknife error, sqrt((G - 1)/G sum_g (t_g - mean t)^2).

    >>> round(standard_error(means(torch.tensor([1.0, 2.0, 3.0]), 3)), 4)
    0.5774
    """
    left_out_G = replicates[1:]
    blocks = left_out_G.numel()
    return ((blocks - 1) / blocks * (left_out_G - left_out_G.mean()).square().sum()).sqrt().item()


def bias(replicates: Tensor) -> float:
    """Jackknife estimate of a bias of order 1/N: (G - 1) (mean of the replicates - value).

    >>> bias(means(torch.tensor([1.0, 2.0, 3.0]), 3).square()) - 1 / 3 < 1e-9  # of the square of a mean: s^2 / N
    True
    """
    left_out_G = replicates[1:]
    return (left_out_G.numel() - 1) * (left_out_G.mean() - replicates[0]).item()


def lower_end(replicates: Tensor, *, candidates: int = 1, error: float = 0.0, skewness: float = 0.0) -> float:
    """Lower end of the 95% interval, by Student's t with G - 1 degrees of freedom.

    Args:
        replicates: the statistic.
        candidates: if the best of several ends is taken, their number (Bonferroni).
        error: standard error of what else the statistic depends on, apart from the texts.
        skewness: of the statistic, towards this end (``estimate.widened``).
    """
    reach = widened(_quantile(replicates, candidates), skewness)
    return value(replicates) - reach * math.hypot(standard_error(replicates), error)


def upper_end(replicates: Tensor, *, candidates: int = 1, error: float = 0.0, skewness: float = 0.0) -> float:
    """Upper end of the 95% interval; see ``lower_end``."""
    return -lower_end(-replicates, candidates=candidates, error=error, skewness=skewness)


def highest_lower_end(
    bounds: Mapping[str, Tensor], *, errors: Mapping[str, float] | None = None, skewness: float = 0.0
) -> tuple[float, str]:
    """Return the highest lower end of several lower bounds, and the name of that bound (Bonferroni over all).

    ``errors`` has the further error of some bounds, by name; see ``lower_end``.

    >>> sharp, loose = torch.tensor([1.0, 1.1, 0.9]), torch.tensor([0.5, 0.5, 0.5])
    >>> highest_lower_end({"sharp": sharp, "loose": loose})[1]
    'loose'
    """
    also = errors or {}
    # the correction for skewness is of first order, so one bound alone has the quantile of two
    candidates = max(2 if skewness else 1, len(bounds))
    ends = {
        name: lower_end(bound, candidates=candidates, error=also.get(name, 0.0), skewness=skewness)
        for name, bound in bounds.items()
    }
    name = max(ends, key=lambda key: ends[key])
    return ends[name], name


def lowest_upper_end(
    bounds: Mapping[str, Tensor], *, errors: Mapping[str, float] | None = None, skewness: float = 0.0
) -> tuple[float, str]:
    """Return the lowest upper end of several upper bounds; see ``highest_lower_end``."""
    negative = {key: -bound for key, bound in bounds.items()}
    end, name = highest_lower_end(negative, errors=errors, skewness=skewness)
    return -end, name


def _quantile(replicates: Tensor, candidates: int) -> float:
    return quantile(replicates.numel() - 1, candidates=candidates)
