"""InjectionContract: what every injection must satisfy."""

from __future__ import annotations

import copy
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vaescope.model.build import tiny_model
from vaescope.model.decoder import conditioned_states
from vaescope.model.injection import Injection
from vaescope.model.vae import TransformerVAE
from vaescope.testing.choice import ChoiceContract
from vaescope.testing.example_models import model_of
from vaescope.testing.likelihood import LikelihoodContract, z_of

IDS = torch.tensor([[0, 5, 6, 7, 8], [0, 8, 9, 4, 2]])


def states(model: TransformerVAE, z: Tensor | None = None) -> Tensor:
    """Return the states of the decoder on two texts under z, or without any."""
    with torch.no_grad():
        return conditioned_states(model.decoder, IDS, {} if z is None else model.condition(z))


def injections_of(model: TransformerVAE) -> list[Injection]:
    """Return the injections of a model."""
    return [module for module in model.injections.values() if isinstance(module, Injection)]


class DecoderContract(LikelihoodContract):
    """The contract of the likelihood, and that a decoder keeps nothing of a z that it has seen."""

    def test_no_z_is_left_behind(self, name: str, decoder: str) -> None:
        """The states depend on the z of the call alone; without z the decoder is as it was before."""
        model, _ = model_of(name, decoder)
        without, with_z = states(model), states(model, z_of(2))
        states(model, z_of(2) + 1)
        assert torch.equal(states(model), without)
        assert torch.equal(states(model, z_of(2)), with_z)


class InjectionContract(ChoiceContract):
    """A linear map of z with the declared scale at the start, which a copy of the model copies.

    ``DecoderContract`` has the tests that run over every family of decoders; run both.
    """

    kind: ClassVar[str] = "injections"

    def test_the_start_has_the_declared_scale(self, name: str) -> None:
        """The weights of ``projection`` have the standard deviation ``scale``."""
        model, _ = tiny_model(injection=name, latent_size=64)
        for injection in injections_of(model):
            projection = injection.projection
            if isinstance(projection, nn.Linear):
                assert_close(projection.weight.std().item(), injection.scale, rtol=0.1, atol=0)

    def test_reset_draws_every_parameter_anew(self, name: str) -> None:
        """``reset_parameters`` draws every parameter, so that no parameter is used uninitialised."""
        model, _ = tiny_model(injection=name)
        for injection in injections_of(model):
            for parameter in injection.parameters():
                nn.init.constant_(parameter, torch.nan)
            injection.reset_parameters()
            unset = [key for key, p in injection.named_parameters() if p.isnan().any()]
            assert unset == [], f"not reset: {unset}"

    def test_a_copy_of_a_model_has_its_own_parameters(self, name: str) -> None:
        """Changing the injections of a copy changes the copy alone."""
        model, _ = model_of(name)
        before = states(model, z_of(2))
        other = copy.deepcopy(model)
        with torch.no_grad():
            for parameter in other.injections.parameters():
                parameter.add_(torch.randn_like(parameter))
        assert torch.equal(states(model, z_of(2)), before)
        if list(other.injections.parameters()):
            assert not torch.allclose(states(other, z_of(2)), before)

    def test_a_model_can_be_copied_after_training(self, name: str) -> None:
        """Nothing of a graph is kept that ``copy.deepcopy`` refuses."""
        model, batch = model_of(name)
        model.train().log_likelihood(batch, z_of(2)).sum()
        copy.deepcopy(model)
