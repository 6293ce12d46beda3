"""TermContract: what every term of an objective must satisfy."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vaescope import choices
from vaescope.model.passes import Pass
from vaescope.testing.choice import ChoiceContract
from vaescope.testing.example_passes import pass_of

EXTREMES = ((0.0, 1e-6), (1e3, 1e-6), (1e3, 1e3), (0.0, 1.0))
"""Means and standard deviations of q(z|x) at the edges of what training meets."""


class TermContract(ChoiceContract):
    """A scalar in nats per text with a true gradient, finite at extremes, within the reach that it states."""

    kind: ClassVar[str] = "terms"

    def value(self, name: str, pass_: Pass) -> Tensor:
        """Return the value of the term, with the same samples of the prior at every call."""
        torch.manual_seed(0)
        return choices.build("terms", name)(pass_)

    def test_is_a_scalar_with_a_true_gradient(self, name: str) -> None:
        """The gradient is the derivative of the value, unless the term declares its own estimator of it."""
        generator = torch.Generator().manual_seed(3)
        mean = torch.randn((5, 3), generator=generator, dtype=torch.float64, requires_grad=True)
        std = (torch.rand((5, 3), generator=generator, dtype=torch.float64) + 0.2).requires_grad_()
        value = self.value(name, pass_of(mean, std))
        assert value.shape == (), f"shape {tuple(value.shape)} instead of a scalar"
        assert value.isfinite()
        if not choices.build("terms", name).own_gradient:
            assert torch.autograd.gradcheck(lambda m, s: self.value(name, pass_of(m, s)), (mean, std))

    def test_states_what_it_can_reach(self, name: str) -> None:
        """A model far from its prior has a value between the two ends of ``reach``."""
        low, high = choices.build("terms", name).reach(100, 64)
        assert low < high
        mean = 3 * torch.randn((64, 3), generator=torch.Generator().manual_seed(4))
        value = self.value(name, pass_of(mean, torch.full((64, 3), 0.1))).item()
        assert low <= value <= high + 1e-4, f"{value} is not in [{low}, {high}]"

    def test_is_finite_at_extreme_posteriors(self, name: str) -> None:
        """The value and its gradients are finite for very narrow, wide and distant posteriors."""
        for mean, std in EXTREMES:
            mean_BD = torch.full((4, 3), mean, requires_grad=True)
            std_BD = torch.full((4, 3), std, requires_grad=True)
            value = choices.build("terms", name)(pass_of(mean_BD, std_BD))
            assert value.isfinite(), f"{value} at mean {mean}, std {std}"
            if value.requires_grad:
                value.backward()
                gradients = [g for g in (mean_BD.grad, std_BD.grad) if g is not None]
                assert all(g.isfinite().all() for g in gradients), f"gradient at mean {mean}, std {std}"

    def test_does_not_depend_on_the_order_of_the_texts(self, name: str) -> None:
        """A batch is a set of texts."""
        generator = torch.Generator().manual_seed(5)
        mean, std = torch.randn((6, 3), generator=generator), torch.rand((6, 3), generator=generator) + 0.1
        pass_ = pass_of(mean, std, samples=1)
        order = torch.tensor([3, 1, 0, 5, 4, 2])
        shuffled = pass_of(mean[order], std[order], samples=1)
        for field in ("z", "log_p_x_z", "log_p_z", "log_q_z_x"):
            object.__setattr__(shuffled, field, getattr(pass_, field)[:, order])
        torch.testing.assert_close(self.value(name, pass_), self.value(name, shuffled))
