"""beta-TC-VAE: minimise D + alpha I + beta TC + gamma dimension KL, the rate in three parts (Chen et al. 2018)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec, Weight


def beta_tc_vae(*, alpha: Weight = 1.0, beta: Weight = 4.0, gamma: Weight = 1.0, estimator: str = "stratified") -> Spec:
    """Minimise D + alpha I(X;Z) + beta TC(z) + gamma sum_d KL(q(z_d) || p(z_d)); with 1, 1, 1 it is the VAE.

    Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, with their alpha = gamma = 1 and beta = 4
    (their best of 1 to 10); ``alpha`` = 0 leaves the information free. ``estimator`` is that of q(z).
    """
    weights = {"mutual_information": alpha, "total_correlation": beta, "dimension_kl": gamma}
    parts = {name: {"weight": weight, "estimator": estimator} for name, weight in weights.items()}
    return {"terms": {"distortion": 1.0, **parts, "rate": 0.0}}
