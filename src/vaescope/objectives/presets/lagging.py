"""Lagging: the VAE whose encoder is updated aggressively while it lags behind the decoder (He et al. 2019)."""

from __future__ import annotations

from typing import Any


class Lagging:
    """minimise D + beta(step) R, each step of the decoder after up to ``most`` steps of the encoder alone.

    He et al., Lagging Inference Networks and Posterior Collapse in VAEs, ICLR 2019: bursts of ``burst`` = 15 and at
    most ``most`` = 100 steps until the loss no longer falls, as long as the information on validation texts grows.
    Their beta grows linearly from 0.1 to 1 over ``warmup`` steps (ten epochs there). Needs ``model.tie=false``.
    """

    def __init__(self, *, most: int = 100, burst: int = 15, warmup: int = 1000) -> None:
        self.encoder_steps = {"most": most, "burst": burst}
        self.beta = {"schedule": "linear", "start": 0.1, "end": 1.0, "steps": warmup}

    def spec(self) -> dict[str, Any]:
        """Return the terms and the encoder's steps."""
        terms = {"distortion": 1.0, "rate": self.beta, "mutual_information": 0.0}
        return {"terms": terms, "encoder_steps": self.encoder_steps}
