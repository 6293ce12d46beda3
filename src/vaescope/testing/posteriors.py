"""PosteriorContract: what every form of q(z|x) must satisfy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.testing import assert_close

from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.model.build import tiny_model
from vaescope.model.pass_module import PassModule
from vaescope.model.vae import TransformerVAE
from vaescope.testing.choice import ChoiceContract
from vaescope.testing.example_models import padded


class PosteriorContract(ChoiceContract):
    """A diagonal Gaussian in float32, in evaluation a function of the text alone; trained, saved and loaded."""

    kind: ClassVar[str] = "posteriors"

    def trained(self, name: str, steps: int = 40) -> tuple[TransformerVAE, list[float]]:
        """Return a tiny model after some steps on two texts, and its loss at every step."""
        torch.manual_seed(0)
        model, batch = tiny_model(posterior=name)
        module = PassModule(model, samples=4, dataset_size=2, dtype=None).train()
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        losses = []
        for _ in range(steps):
            pass_ = module([batch])
            loss = (pass_.distortion + pass_.rate).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return model.eval(), losses

    def test_is_a_diagonal_gaussian_of_each_text(self, name: str) -> None:
        """Of batch shape ``[B]`` and event shape ``[D]``, in float32 also under autocast."""
        model, batch = tiny_model(posterior=name)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            q = model.encode(batch)
        assert isinstance(q, DiagonalGaussian)
        assert (q.batch_shape, q.event_shape) == ((2,), (4,))
        assert q.mean.dtype == q.stddev.dtype == torch.float32
        assert (q.stddev > 0).all()
        assert not q.is_standard

    def test_is_a_function_of_the_text_alone_in_evaluation(self, name: str) -> None:
        """Neither padding nor other texts nor the order of batches change it."""
        model, batch = tiny_model(posterior=name)
        alone = type(batch)(batch.input_ids[1:, :3], batch.attention_mask[1:, :3], torch.arange(1))
        with torch.no_grad():
            q = model.encode(batch)
            for other in (model.encode(padded(batch, 3)), model.encode(batch, alone)[:2]):
                assert_close(other.mean, q.mean, atol=1e-5, rtol=0)
                assert_close(other.stddev, q.stddev, atol=1e-5, rtol=0)
            assert_close(model.encode(alone).mean, q.mean[1:], atol=1e-5, rtol=0)

    def test_every_parameter_gets_a_gradient(self, name: str) -> None:
        """In training, from the ELBO of a batch."""
        model, batch = tiny_model(posterior=name)
        pass_ = PassModule(model, samples=1, dataset_size=2, dtype=None).train()([batch])
        (pass_.distortion + pass_.rate).mean().backward()
        missing = [key for key, p in model.posterior_head.named_parameters() if p.grad is None]
        assert missing == []

    def test_training_stays_finite_and_gains(self, name: str) -> None:
        """40 steps on two texts bring the loss down by a fifth."""
        model, losses = self.trained(name)
        assert all(torch.isfinite(p).all() for p in model.parameters())
        assert sum(losses[-5:]) < 0.8 * sum(losses[:5])

    def test_save_and_load_is_bit_exact(self, name: str, tmp_path: Path) -> None:
        """A loaded model has the same posteriors."""
        model, _ = self.trained(name, steps=2)
        model.save_pretrained(tmp_path)
        loaded: Any = TransformerVAE.from_pretrained(tmp_path, output_loading_info=True)
        again, info = loaded
        assert not info["missing_keys"]
        assert not info["unexpected_keys"]
        _, batch = tiny_model(posterior=name)
        with torch.no_grad():
            before, after = model.encode(batch), again.eval().encode(batch)
        assert torch.equal(before.mean, after.mean)
        assert torch.equal(before.stddev, after.stddev)
