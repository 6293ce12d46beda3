"""ELBO surgery: minimise D + alpha I + beta KL(q(z)||p(z)), the rate in two parts (Hoffman and Johnson 2016)."""

from __future__ import annotations

from typing import Any

Weight = float | dict[str, Any]


class Hoffman:
    """minimise D + alpha I(X;Z) + beta KL(q(z) || p(z)); at 1, 1 it is the VAE.

    Hoffman and Johnson, ELBO Surgery, NIPS workshop 2016, who give the parts and no weights. By default ``alpha`` = 0:
    information is free, only the mismatch of q(z) with its prior is paid for. ``estimator`` is that of q(z).
    """

    def __init__(self, *, alpha: Weight = 0.0, beta: Weight = 1.0, estimator: str = "stratified") -> None:
        self.weights = {"mutual_information": alpha, "marginal_kl": beta}
        self.estimator = estimator

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        parts = {name: {"weight": weight, "estimator": self.estimator} for name, weight in self.weights.items()}
        return {"terms": {"distortion": 1.0, **parts, "rate": 0.0}}
