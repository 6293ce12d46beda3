"""Flow: a neural spline flow of a standard Gaussian (extra `flows`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints
from typing_extensions import override

from vaescope.errors import UserError
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.prior import Prior

POINTS_AT_ONCE = 4096
"""Points that are evaluated at a time; each takes about 100 numbers per latent unit."""


class Flow(Prior):
    r"""Flow prior: :math:`\log p(z) = \log N(f(z); 0, I) + \log|\det \partial f/\partial z|`, f learned and invertible.

    f is ``transforms`` autoregressive monotonic splines of ``bins`` pieces on [-5, 5] (the identity outside), each with
    a network of two layers of ``width`` units. It starts near the identity, so p(z) near N(0, I). A sample takes
    D passes through every network, a density one. The rate has no closed form.

    Reference: Durkan et al. 2019, "Neural Spline Flows", arXiv:1906.04032; computed by zuko.
    """

    def __init__(self, latent_size: int, *, transforms: int = 3, bins: int = 8, width: int = 64) -> None:
        super().__init__(latent_size)
        for name, value, least in (("transforms", transforms, 1), ("bins", bins, 2), ("width", width, 1)):
            if value < least:
                raise UserError(f"prior 'flow': {name} must be at least {least}, not {value}")
        self.transform = _spline(latent_size, transforms=transforms, bins=bins, hidden_features=(width, width))

    @override
    def forward(self) -> FlowDistribution:
        return FlowDistribution(self.transform(), self.latent_size, self.device)


class FlowDistribution(Distribution):
    """The distribution of z for which f(z) is N(0, I), with an invertible map f, in float32."""

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = True

    def __init__(self, transform: Any, size: int, device: torch.device) -> None:
        super().__init__(event_shape=torch.Size([size]), validate_args=False)
        self.transform = transform
        self.base = DiagonalGaussian.standard(size, device)

    @override
    def log_prob(self, z: Tensor) -> Tensor:
        points_ND = z.float().reshape(-1, z.shape[-1])
        log_p_N = torch.cat([self._log_prob(part_ND) for part_ND in points_ND.split(POINTS_AT_ONCE)])
        return log_p_N.view(z.shape[:-1])

    @override
    def rsample(self, sample_shape: torch.Size | Sequence[int] = ()) -> Tensor:
        return self.transform.inv(self.base.rsample(torch.Size(sample_shape)))

    def _log_prob(self, points_ND: Tensor) -> Tensor:
        noise_ND, log_det_N = self.transform.call_and_ladj(points_ND)
        return self.base.log_prob(noise_ND) + log_det_N


def _spline(size: int, **options: int | tuple[int, int]) -> nn.Module:
    checks = {name: getattr(Distribution, name) for name in ("_validate_args", "arg_constraints")}
    try:
        from zuko.flows import NSF
    except ModuleNotFoundError as error:
        raise UserError("prior 'flow' needs zuko: pip install vaescope[flows]") from error
    finally:
        # zuko switches the checks of torch.distributions off for the whole process when it is imported
        for name, value in checks.items():
            setattr(Distribution, name, value)
    # the masks of the networks are computed from values, which the meta device of from_pretrained does not have
    with torch.device("cpu"):
        return NSF(size, **options).transform
