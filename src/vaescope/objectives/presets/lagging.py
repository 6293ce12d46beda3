"""Lagging: the VAE whose encoder is updated aggressively while it lags behind the decoder (He et al. 2019)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def lagging(*, most: int = 100, burst: int = 15, warmup: int = 1000) -> Spec:
    """Minimise D + beta(step) R, each step of the decoder after up to ``most`` steps of the encoder alone.

    He et al., Lagging Inference Networks and Posterior Collapse in VAEs, ICLR 2019: groups of ``burst`` = 15 steps, at
    most ``most`` = 100 in total, until the loss no longer falls; this ends when the information on validation texts
    stops growing. Their beta grows linearly from 0.1 to 1 over ``warmup`` steps (ten epochs there). Needs
    ``model.tie=false``.
    """
    beta = {"schedule": "linear", "start": 0.1, "end": 1.0, "steps": warmup}
    terms = {"distortion": 1.0, "rate": beta, "mutual_information": 0.0}
    return {"terms": terms, "encoder_steps": {"most": most, "burst": burst}}
