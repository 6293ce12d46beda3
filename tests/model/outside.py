"""Choices from outside the package: a prior without parameters, one with a closed-form rate, an injection by a hook."""

import math

import torch
from torch import nn
from torch.distributions import Independent, Laplace

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.backbone import layers_of
from vaescope.model.injection import Injection, hidden_states, latent_of, with_hidden_states
from vaescope.model.prior import Prior


class DoubleExponential(Prior):
    """Laplace: independent double-exponential units of unit variance."""

    def forward(self):
        scale = torch.full((self.latent_size,), math.sqrt(0.5), device=self.device)
        return Independent(Laplace(torch.zeros_like(scale), scale), 1)


class Shifted(Prior):
    """Shifted: a Gaussian of unit variance with a learned mean."""

    def __init__(self, latent_size):
        super().__init__(latent_size)
        self.mean = nn.Parameter(torch.zeros(latent_size))

    def forward(self):
        return DiagonalGaussian(self.mean, torch.ones_like(self.mean))

    def reset_parameters(self):
        nn.init.zeros_(self.mean)


class Film(Injection):
    """FiLM: the input h of every layer becomes (1 + a) h + b, with a and b linear in z."""

    def __init__(self, latent_size, decoder):
        layers, width = decoder.num_hidden_layers, decoder.hidden_size
        super().__init__(latent_size, decoder, width=layers * 2 * width, scale=0.02)
        self.shape = (layers, 2, width)
        self.layers = nn.ModuleList(Modulation(index) for index in range(layers))

    def forward(self, z_ND):
        return {"film": self.project(z_ND).view(-1, *self.shape)}

    def attach(self, decoder):
        for modulation, layer in zip(self.layers, layers_of(decoder), strict=True):
            layer.register_forward_pre_hook(modulation.apply_to, with_kwargs=True)


class Modulation(nn.Module):
    def __init__(self, index):
        super().__init__()
        self.index = index

    def apply_to(self, layer, args, kwargs):
        film = latent_of(kwargs, "film", self.index)
        if film is None:
            return None
        gain, shift = film.unbind(-2)
        return with_hidden_states(args, kwargs, (1 + gain) * hidden_states(args, kwargs) + shift)
