"""Step: one forward pass from a micro-batch of texts to a Pass."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from vaescope.corpora.batch import Batch
from vaescope.model.encoder import draw
from vaescope.model.passes import Pass
from vaescope.model.vae import TransformerVAE


class PassModule(nn.Module):
    """Encode, sample and score in one ``forward``, so that the hooks of a distributed wrapper see all of it.

    The Transformers run under autocast to ``dtype`` where one is given; the log-densities are float32. The encoder
    has no dropout even in training: with it the rate that a constraint holds (of a blurred posterior) would be
    several percent below that of the model which is assessed.
    """

    def __init__(self, model: TransformerVAE, *, samples: int, dataset_size: int, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.model = model
        self.samples = samples
        self.dataset_size = dataset_size
        self.dtype = dtype

    def forward(self, groups: list[Batch]) -> Pass:
        """Return the pass of a micro-batch given as groups of texts of like length, joined in their order."""
        return Pass.concatenate([self._pass(batch) for batch in groups])

    def train(self, mode: bool = True) -> PassModule:
        """Set training mode, dropout of the decoder on, or evaluation mode."""
        super().train(mode)
        self.model.encoder.eval()
        return self

    def _pass(self, batch: Batch) -> Pass:
        with torch.autocast(batch.input_ids.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            posterior = self.model.encode(batch)
            noise_SBD = torch.randn(
                (self.samples, *posterior.base_dist.loc.shape), device=posterior.base_dist.loc.device
            )
            z, log_q_z_x = draw(posterior, noise_SBD)
            log_p_x_z = self.model.log_likelihood(batch, z)
        return Pass(
            posterior=posterior,
            prior=self.model.prior,
            z=z,
            log_p_x_z=log_p_x_z.float(),
            log_p_z=self.model.prior.log_prob(z),
            log_q_z_x=log_q_z_x,
            tokens=batch.tokens,
            dataset_size=self.dataset_size,
        )


def seed_everything(*counters: int) -> None:
    """Seed torch by counters (seed, step, micro-batch), so that the randomness of a micro-batch is a
    function of them.

    Resuming then needs no generator state, and processes that share a step draw what one process would.
    """
    # the length goes first because a SeedSequence does not see trailing zeros
    sequence = np.random.SeedSequence([len(counters), *counters])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
