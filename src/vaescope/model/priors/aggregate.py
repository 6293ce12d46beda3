"""Aggregate prior: posteriors of training texts as a mixture, with a share of another prior (`vaescope refit`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import initialization as init
from typing_extensions import override

from vaescope import choices
from vaescope.errors import UserError
from vaescope.estimators.distributions import DefensiveMixture, DiagonalGaussian, GaussianMixture
from vaescope.model.prior import Prior

if TYPE_CHECKING:
    from vaescope.model.vae import TransformerVAE


class AggregatePrior(Prior):
    r"""Fixed components: :math:`p(z) = (1-\epsilon) \frac1K \sum_k N(z; \mu_k, \mathrm{diag}\,\sigma_k^2)
    + \epsilon\,p_0(z)`.

    ``components`` is K, ``defensive`` is :math:`\epsilon`, and ``base`` is the prior :math:`p_0`, as in
    ``model.prior``. The components are part of the model and are not trained: `vaescope refit` sets them to posteriors
    of training texts. The defensive part costs a text at most :math:`-\log(1-\epsilon)` nats, and its rate is at most
    :math:`-\log\epsilon` above that under the base prior. A new prior has one component, N(0, I).

    >>> prior = AggregatePrior(2, components=3)
    >>> prior.set_components(torch.randn(3, 2), torch.ones(3, 2))
    >>> prior.log_prob(prior.sample(5)).shape
    torch.Size([5])
    """

    component_mean: Tensor
    component_std: Tensor

    def __init__(
        self,
        latent_size: int,
        *,
        components: int = 1,
        defensive: float = 0.05,
        base: str | dict[str, Any] = "standard",
    ) -> None:
        super().__init__(latent_size)
        if components < 1:
            raise UserError(f"prior 'aggregate': components must be at least 1, not {components}")
        if not 0 < defensive < 1:
            raise UserError(f"prior 'aggregate': defensive must be between 0 and 1, not {defensive}")
        self.defensive = defensive
        self.register_buffer("component_mean", torch.zeros(components, latent_size))
        self.register_buffer("component_std", torch.ones(components, latent_size))
        name, options = (base, {}) if isinstance(base, str) else next(iter(base.items()))
        self.base: Prior = choices.build("priors", name, latent_size, **(options or {}))

    @override
    def forward(self) -> DefensiveMixture:
        components = DiagonalGaussian(self.component_mean.float(), self.component_std.float())
        log_weight_K = -torch.full((len(components.mean),), float(len(components.mean)), device=self.device).log()
        return DefensiveMixture(GaussianMixture(log_weight_K, components), self.base(), self.defensive)

    def set_components(self, mean_KD: Tensor, std_KD: Tensor) -> None:
        """Set the K components; shapes as given by ``components``."""
        self.component_mean.copy_(mean_KD)
        self.component_std.copy_(std_KD)

    @override
    def bind(self, model: TransformerVAE) -> None:
        self.base.bind(model)

    @override
    def reset_parameters(self) -> None:
        init.zeros_(self.component_mean)
        init.ones_(self.component_std)
