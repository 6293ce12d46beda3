"""Simulations: texts drawn from a model, z ~ p(z) and x ~ p(x|z), and what the model says about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.latent_sequences import joined
from vaescope.randomness import stream


@dataclass(frozen=True)
class Simulations:
    """Texts drawn from the model: M texts from p(x, z), and texts from p(x|z) at z of the data's texts.

    Attributes:
        z: the z ~ p(z) that each text was drawn from, ``[M, D]``.
        log_p_x_z: log p(x|z) as computed by the scorer on the drawn tokens, nats per text, ``[M]``.
        finished: whether the text ended within the length limit and contains no BOS or padding token, ``[M]``.
        draws: a sweep over the M drawn texts: q(z|x) and S importance weights of each.
        strings: the M drawn texts.
        sampler_log_p: log p(x|z) as computed by the sampler, nats per text, ``[M]``, or None; NaN where it cannot be
            compared.
        seeds: positions of the data's texts below, ``[R]``.
        resampled: a text from p(x|z), z ~ q(z|x), for each seed, R of them.
        reconstructions: the greedy text at the posterior mean of each seed, R of them.
        control: texts of a language model without a latent variable, or None.
    """

    z: Tensor
    log_p_x_z: Tensor
    finished: Tensor
    draws: Draws
    strings: list[str]
    sampler_log_p: Tensor | None = None
    seeds: Tensor | None = None
    resampled: list[str] | None = None
    reconstructions: list[str] | None = None
    control: list[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", joined(self.z, 2))

    @property
    def texts(self) -> int:
        """Number of drawn texts M."""
        return len(self.z)

    @cached_property
    def sampler_error(self) -> Tensor | None:
        """|log p by the sampler - log p by the scorer| per token of each text that can be compared; 0 but for rounding.

        None where the sampler does not say its log p.
        """
        if self.sampler_log_p is None:
            return None
        error_M = (self.sampler_log_p.double() - self.log_p_x_z.double()).abs() / self.draws.tokens.clamp_min(1)
        return error_M[~self.sampler_log_p.isnan()]

    @cached_property
    def standardised(self) -> Tensor:
        """(z - mean)/std of the z that a text was drawn from under q(.|text), finished texts only, ``[M', D]``.

        Independent standard normal if q(z|x) is the posterior of the model.
        """
        residual_MD = (self.z.double() - self.draws.posterior_mean.double()) / self.draws.posterior_std.double()
        return residual_MD[self.finished]

    @cached_property
    def likelihood_ranks(self) -> Tensor:
        """Rank of log p(x|z) of the true z among S draws of q(z|x), as a number in (0, 1), ``[M']``.

        Uniform if q(z|x) is the posterior. Ties are broken at random, since a decoder that ignores z gives every z the
        same likelihood.
        """
        drawn_SM, true_M = self.draws.log_p_x_z.double(), self.log_p_x_z.double()
        below_M, ties_M = (drawn_SM < true_M).sum(0), (drawn_SM == true_M).sum(0)
        place_M = torch.rand(len(below_M), dtype=torch.float64, generator=stream(0, "tied ranks"))
        return ((below_M + place_M * (1 + ties_M)) / (len(drawn_SM) + 1))[self.finished]

    def check(self, draws: Draws) -> None:
        """Raise a UserError for what does not belong to M drawn texts, or to the data that ``draws`` are of."""
        self.draws.validate()
        texts, size = self.draws.texts, draws.latent_size
        if self.draws.latent_size != size or tuple(self.z.shape) != (texts, size):
            found = f"z {list(self.z.shape)} and posteriors {list(self.draws.posterior_mean.shape)}"
            raise UserError(f"'simulations': expected z and posteriors of the shape [M, {size}], found {found}")
        for name in ("log_p_x_z", "sampler_log_p"):
            value = getattr(self, name)
            unusable = value is not None and (value.isinf().any() or (name == "log_p_x_z" and value.isnan().any()))
            if value is not None and (tuple(value.shape) != (texts,) or unusable):
                raise UserError(f"'simulations.{name}': expected {texts} finite numbers, found {list(value.shape)}")
        if tuple(self.finished.shape) != (texts,) or self.finished.dtype != torch.bool:
            raise UserError(f"'simulations.finished': expected {texts} of true and false")
        seeds = 0 if self.seeds is None else len(self.seeds)
        if self.seeds is not None and seeds and not 0 <= int(self.seeds.min()) <= int(self.seeds.max()) < draws.texts:
            raise UserError(f"'simulations.seeds': expected positions of the {draws.texts} texts")
        for name, count in {"strings": texts, "resampled": seeds, "reconstructions": seeds}.items():
            strings = getattr(self, name)
            if strings is not None and len(strings) != count:
                raise UserError(f"'simulations.{name}': expected {count} texts, found {len(strings)}")
