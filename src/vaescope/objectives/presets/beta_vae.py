"""beta-VAE: minimise D + beta R with beta a number or a schedule (Higgins et al. 2017; Alemi et al. 2018)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec, Weight


def beta_vae(*, beta: Weight = 0.5) -> Spec:
    """Minimise D + beta(step) R."""
    return {"terms": {"distortion": 1.0, "rate": beta}}
