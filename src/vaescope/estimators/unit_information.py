"""What each latent unit alone says about a label: held-out nats and accuracy of a reader of one unit.

The reader cuts the values of a unit into bins of equal counts and predicts q(label | bin) by the shares in the bin,
without the text in question. Such a gain is in expectation at most I(z_d; label), for any number of bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vaescope.randomness import stream

BINS = (2, 4, 8, 16, 32)
"""Numbers of bins to choose from; the other half of the texts chooses for each unit."""


@dataclass(frozen=True)
class UnitReadings:
    """What the N texts say about their labels by each unit alone.

    Attributes:
        gains: log q(label | z_d) - log p(label) of a held-out reader, nats, ``[N, D]``.
        right: whether its most probable label is the true one, ``[N, D]``, bool.
        half: which half of the texts each one is in, ``[N]``, bool; the halves choose units and bins for each other.
        own: the label of each text, ``[N]``, int64.
        shares: the share of each label, ``[L]``.
    """

    gains: Tensor
    right: Tensor
    half: Tensor
    own: Tensor
    shares: Tensor

    @property
    def entropy(self) -> float:
        """H(label) in nats, of the observed shares."""
        return -torch.xlogy(self.shares, self.shares).sum().item()

    @property
    def commonest(self) -> Tensor:
        """Whether the commonest label is right, ``[N]``, 0 or 1: the accuracy of a reader of nothing."""
        return (self.own == self.shares.argmax()).double()

    def gap(self, values_ND: Tensor, floor_N: Tensor) -> tuple[Tensor, Tensor]:
        """Return the value at the best unit minus that at the second best, ``[N]``, and both units, ``[2, 2]``.

        Each half of the texts takes the two units that are best in the other half (rows of the second result), so that
        the choice of the larger of two noisy means adds nothing. A unit below ``floor_N``, the value of a reader of
        nothing, counts as nothing and has the number D.
        """
        values_ND = torch.cat([values_ND.double(), floor_N[:, None], floor_N[:, None]], 1)
        best_22 = torch.stack([values_ND[self.half != side].mean(0).topk(2).indices for side in (False, True)])
        pair_N2 = values_ND.gather(1, best_22[self.half.long()])
        return pair_N2[:, 0] - pair_N2[:, 1], best_22.clamp_max(values_ND.shape[1] - 2)

    def best(self) -> Tensor:
        """Return the gain at the unit that is best in the other half, ``[N]``."""
        best_2 = torch.stack([self.gains[self.half != side].mean(0).argmax() for side in (False, True)])
        return self.gains.gather(1, best_2[self.half.long()][:, None]).squeeze(1)


def read_units(z_ND: Tensor, labels: list[str]) -> UnitReadings:
    """Read a label from each unit alone.

    Args:
        z_ND: one z of each distinct text, ``[N, D]``.
        labels: the label of each text, at least two of them.

    >>> generator = torch.Generator().manual_seed(0)
    >>> z_ND = torch.randn(2000, 2, generator=generator)
    >>> found = read_units(z_ND, ["up" if z > 0 else "down" for z in z_ND[:, 0].tolist()])
    >>> first, second = found.gains.mean(0).tolist()
    >>> 0.65 < first < 0.69 and abs(second) < 0.01  # log 2 nats in the first, none in the second
    True
    """
    names = {label: i for i, label in enumerate(sorted(set(labels)))}
    own_N = torch.tensor([names[label] for label in labels])
    count, counts_L = len(own_N), own_N.bincount().double()
    half_N = torch.rand(count, generator=stream(0, "halves of labelled texts")).argsort().argsort() % 2 == 0
    rank_ND = z_ND.argsort(0).argsort(0)
    tables = [
        _read(rank_ND * bins // count, own_N, bins, counts_L) for bins in BINS if bins == BINS[0] or bins <= count
    ]
    gains_CND = torch.stack([gains_ND for gains_ND, _ in tables])
    right_CND = torch.stack([right_ND for _, right_ND in tables])
    choice_2D = torch.stack([gains_CND[:, half_N != side].mean(1).argmax(0) for side in (False, True)])
    choice_1ND = choice_2D[half_N.long()][None]
    return UnitReadings(
        gains_CND.gather(0, choice_1ND).squeeze(0),
        right_CND.gather(0, choice_1ND).squeeze(0),
        half_N,
        own_N,
        counts_L / count,
    )


def _read(bin_ND: Tensor, own_N: Tensor, bins: int, counts_L: Tensor) -> tuple[Tensor, Tensor]:
    """Return gains and whether the reader is right, ``[N, D]`` each, without the text itself.

    One further text whose label is spread as in the whole sample keeps every probability positive.
    """
    count, labels, size = len(own_N), len(counts_L), bin_ND.shape[1]
    cell_ND = (torch.arange(size) * bins + bin_ND) * labels + own_N[:, None]
    counts_DBL = cell_ND.reshape(-1).bincount(minlength=size * bins * labels).double().view(size, bins, labels)
    share_L = counts_L / count
    others_L = (counts_L - 1) / (count - 1)
    seen_DBL = counts_DBL - 1 + others_L
    gain_DBL = (seen_DBL.clamp_min(1e-12) / counts_DBL.sum(-1, keepdim=True)).log() - share_L.log()
    first, second = (counts_DBL + share_L).topk(2).values[..., None].unbind(-2)
    rival_DBL = torch.where(counts_DBL + share_L == first, second, first)
    right_DBL = seen_DBL > rival_DBL
    return gain_DBL.reshape(-1)[cell_ND], right_DBL.reshape(-1)[cell_ND]


def disentanglement(importance_DK: Tensor) -> Tensor:
    """Return by how much each unit is about one label only, weighted by what it holds: sum_d w_d (1 - H_d / log K).

    H_d is the entropy of the unit's importances over K >= 2 labels (Eastwood and Williams 2018); further leading
    dimensions are kept. NaN where no unit holds anything.

    >>> disentanglement(torch.eye(3)).item(), disentanglement(torch.ones(3, 3)).abs().item() < 1e-6
    (1.0, True)
    """
    weight_D = importance_DK.sum(-1) / importance_DK.sum((-2, -1))[..., None]
    return (weight_D * _focus(importance_DK)).sum(-1)


def completeness(importance_DK: Tensor) -> Tensor:
    """Return by how much each label is in one unit only, 1 - H_k / log D; the mean over labels that any unit holds.

    >>> completeness(torch.eye(3)).item()
    1.0
    """
    return _focus(importance_DK.mT).masked_fill(importance_DK.sum(-2) == 0, torch.nan).nanmean(-1)


def _focus(importance: Tensor) -> Tensor:
    """One minus the entropy of each row over the log of its length; 0 for a row of zeros."""
    total = importance.sum(-1, keepdim=True)
    share = torch.where(total > 0, importance / total, torch.full_like(importance, 1 / importance.shape[-1]))
    return 1 + torch.xlogy(share, share).sum(-1) / torch.log(torch.tensor(float(importance.shape[-1])))
