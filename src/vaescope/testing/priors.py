"""PriorContract: what every prior must satisfy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.distributions import Distribution
from torch.testing import assert_close

from vaescope.corpora.batch import Batch
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.build import tiny_model
from vaescope.model.passes import Pass
from vaescope.model.prior import Prior
from vaescope.model.vae import TransformerVAE
from vaescope.testing.choice import ChoiceContract

SAMPLES = 4000


class PriorContract(ChoiceContract):
    """A normalised density that its samples follow; learned with the model, saved and loaded.

    Attributes:
        spread: standard deviation of the noise that is added to the parameters, so that they are tested away from
            their start. Take less for a density that gets too steep for a grid of step 0.05.
    """

    kind: ClassVar[str] = "priors"
    spread: ClassVar[float] = 0.3

    def model(self, name: str) -> tuple[TransformerVAE, Batch]:
        """Return a tiny model with z in the plane, its prior away from the start."""
        model, batch = tiny_model(prior=name, latent_size=2)
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in model.prior.parameters():
                parameter.add_(self.spread * torch.randn_like(parameter))
            # posteriors that differ, for a prior that is made of posteriors
            model.posterior_head.projection.weight.mul_(8)
        return model, batch

    def test_forward_returns_a_distribution_over_z(self, name: str) -> None:
        """Of event shape ``[D]``, and without a batch."""
        distribution = self.model(name)[0].prior()
        assert isinstance(distribution, Distribution)
        assert (distribution.batch_shape, distribution.event_shape) == ((), (2,))

    def test_integrates_to_one(self, name: str) -> None:
        """On a square grid that holds all but a thousandth of the mass."""
        _, density, width = _grid(self.model(name)[0].prior)
        assert abs(density.sum().item() * width**2 - 1) < 1e-3

    def test_samples_follow_the_density(self, name: str) -> None:
        """The counts of 36 cells are those that the density says (chi-squared test at 1e-4)."""
        prior = self.model(name)[0].prior
        axis, density, width = _grid(prior)
        z_NF = _samples(prior)
        edges = [z_N.quantile(torch.linspace(0.1, 0.9, 5)) for z_N in z_NF.unbind(1)]
        row, column = (torch.bucketize(z_N.contiguous(), e) for z_N, e in zip(z_NF.unbind(1), edges, strict=True))
        of_grid = torch.bucketize(axis, edges[0])[:, None] * 6 + torch.bucketize(axis, edges[1])
        mass = torch.zeros(36, dtype=torch.float64).scatter_add(0, of_grid.flatten(), density.flatten()) * width**2
        observed = torch.bincount(row * 6 + column, minlength=36).double()
        keep = mass * SAMPLES > 5
        observed, expected = observed[keep], mass[keep] / mass[keep].sum() * observed[keep].sum()
        assert chisquare(observed.numpy(), expected.numpy()).pvalue > 1e-4

    def test_entropy_by_samples_is_entropy_by_the_grid(self, name: str) -> None:
        """The mean of -log p(z) over samples is the integral of -p log p."""
        prior = self.model(name)[0].prior
        _, density, width = _grid(prior)
        with torch.no_grad():
            surprise = -prior.log_prob(_samples(prior)).double()
        exact = -torch.xlogy(density, density).sum() * width**2
        assert abs(surprise.mean() - exact) < 5 * surprise.std() / SAMPLES**0.5 + 1e-3

    def test_shapes_types_and_the_global_random_state(self, name: str) -> None:
        """Any leading shape; float32 also under autocast; samples are a function of the global seed."""
        prior = self.model(name)[0].prior
        z = torch.randn(3, 5, 2)
        assert prior.log_prob(z).shape == (3, 5)
        assert prior.log_prob(z[0, 0]).shape == ()
        assert_close(prior.log_prob(z)[1], prior.log_prob(z[1]), atol=1e-5, rtol=1e-5)
        assert prior.log_prob(z.double()).dtype in (torch.float32, torch.float64)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = prior.log_prob(z)
        assert inside.dtype == torch.float32
        assert_close(inside, prior.log_prob(z), atol=2e-2, rtol=1e-2)
        draws = [_samples(prior, 6, seed=3), _samples(prior, 6, seed=3), prior.sample(6)]
        assert draws[0].shape == (6, 2)
        assert torch.equal(draws[0], draws[1])
        assert not torch.equal(draws[0], draws[2])

    def test_follows_the_model_to_its_device(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A distribution without parameters is made where the model is; parameters move with it anyway."""
        prior = self.model(name)[0].prior
        # tensors on the meta device have no values, which a distribution that checks its arguments would read
        monkeypatch.setattr(Distribution, "_validate_args", False)
        if not list(prior.parameters()):
            assert prior.to("meta")().sample((3,)).device.type == "meta"

    def test_a_closed_form_rate_is_the_mean_over_samples(self, name: str) -> None:
        """KL(q || p) by unit sums to E_q log q(z) - log p(z); only N(0, I) is called standard."""
        prior = self.model(name)[0].prior
        q = DiagonalGaussian(torch.tensor([[0.5, -1.0], [0.0, 2.0]]), torch.tensor([[0.3, 0.7], [1.0, 0.2]]))
        torch.manual_seed(0)
        with torch.no_grad():
            z, log_q = q.draw(torch.randn(SAMPLES, 2, 2))
            gap, rate = log_q - prior.log_prob(z), prior.rate(q)
            standard = DiagonalGaussian.standard(2).log_prob(z)
            assert torch.allclose(prior.log_prob(z), standard, atol=1e-4) or not prior.is_standard
        if rate is not None:
            assert rate.shape == (2, 2)
            assert ((gap.mean(0) - rate.sum(1)).abs() < 5 * gap.std(0) / SAMPLES**0.5).all()

    def test_gradients_reach_z_and_every_parameter(self, name: str) -> None:
        """log p(z) depends on all of them."""
        prior = self.model(name)[0].prior
        z = torch.randn(50, 2, requires_grad=True)
        prior.log_prob(z).sum().backward()
        assert z.grad is not None
        assert (z.grad.abs() > 0).all()
        without = [key for key, p in prior.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert without == []

    def test_save_and_load_is_bit_exact(self, name: str, tmp_path: Path) -> None:
        """A loaded model has the same density and the same samples."""
        model, _ = self.model(name)
        model.save_pretrained(tmp_path)
        loaded: Any = TransformerVAE.from_pretrained(tmp_path, output_loading_info=True)
        again, info = loaded
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        z = torch.randn(7, 2)
        with torch.no_grad():
            assert torch.equal(model.prior.log_prob(z), again.prior.log_prob(z))
        assert torch.equal(_samples(model.prior, 5), _samples(again.prior, 5))

    def test_training_stays_finite_and_gains(self, name: str) -> None:
        """40 steps on two texts bring the loss down by a fifth."""
        model, batch = tiny_model(prior=name)
        torch.manual_seed(0)
        model.train()
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        losses = []
        for _ in range(40):
            loss = _negative_elbo(model, batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert all(torch.isfinite(p).all() for p in model.parameters())
        assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def _samples(prior: Prior, n: int = SAMPLES, *, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    with torch.no_grad():
        return prior.sample(n)


def _grid(prior: Prior, *, reach: float = 9.0, points: int = 361) -> tuple[Tensor, Tensor, float]:
    """Return the axis of a square grid, the density on it, ``[points, points]``, and the width of a cell."""
    axis = torch.linspace(-reach, reach, points)
    with torch.no_grad():
        density = prior.log_prob(torch.cartesian_prod(axis, axis)).double().exp().view(points, points)
    return axis, density, (axis[1] - axis[0]).item()


def _negative_elbo(model: TransformerVAE, batch: Batch) -> Tensor:
    q = model.encode(batch)
    z, log_q_z_x = q.draw(torch.randn(4, 2, 4))
    pass_ = Pass(
        posterior=q,
        prior=model.prior,
        z=z,
        log_p_x_z=model.log_likelihood(batch, z),
        log_p_z=model.prior.log_prob(z),
        log_q_z_x=log_q_z_x,
        tokens=batch.tokens,
        dataset_size=2,
    )
    return (pass_.distortion + pass_.rate).mean()
