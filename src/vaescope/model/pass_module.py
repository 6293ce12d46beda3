"""PassModule: the forward pass from a micro-batch of texts to a Pass."""

from __future__ import annotations

import torch
from torch import nn

from vaescope.corpora.batch import Batch
from vaescope.model.kernels.shared_gradient import one_gradient
from vaescope.model.passes import Pass
from vaescope.model.vae import TransformerVAE


class PassModule(nn.Module):
    """Encode, sample and score in one ``forward``, as the hooks of a distributed wrapper require.

    The Transformers run under autocast to ``dtype`` where one is given; the log-densities are float32. The encoder
    has no dropout even in training: with dropout, a constraint would hold the rate of a noisier posterior, which is
    several percent below the rate of the model that is assessed.
    """

    def __init__(self, model: TransformerVAE, *, samples: int, dataset_size: int, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.model = model
        self.samples = samples
        self.dataset_size = dataset_size
        self.dtype = dtype

    def forward(self, groups: list[Batch]) -> Pass:
        """Return the pass of a micro-batch, given as groups of texts of similar length, in their order.

        All z are drawn at once and then split by group. So every density is a function of ``pass_.z``, and gradients
        with respect to z exist.
        """
        device = groups[0].input_ids.device.type
        # one context for all groups: it caches the weights that it converts until it ends
        autocast = torch.autocast(device, dtype=self.dtype, enabled=self.dtype is not None)
        with autocast, one_gradient(self.model.get_output_embeddings()):
            posterior = self.model.encode(*groups)
            with torch.autocast(device, enabled=False):
                noise_SBD = torch.randn((self.samples, *posterior.mean.shape), device=posterior.mean.device)
                z, log_q_z_x = posterior.draw(noise_SBD)
            parts = zip(groups, z.split([len(batch) for batch in groups], dim=1), strict=True)
            log_p_x_z = [self.model.log_likelihood(batch, part).float() for batch, part in parts]
        return Pass(
            posterior=posterior,
            prior=self.model.prior,
            z=z,
            log_p_x_z=torch.cat(log_p_x_z, 1),
            log_p_z=self.model.prior.log_prob(z),
            log_q_z_x=log_q_z_x,
            tokens=torch.cat([batch.tokens for batch in groups]),
            dataset_size=self.dataset_size,
        )

    def train(self, mode: bool = True) -> PassModule:
        """Set training mode, dropout of the decoder on, or evaluation mode."""
        super().train(mode)
        if self.model.encoder is not None:
            self.model.encoder.eval()
        return self
