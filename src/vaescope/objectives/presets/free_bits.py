"""Free bits: minimise D + sum_j max(lambda, R_j), each latent unit free up to lambda (Kingma et al. 2016)."""

from __future__ import annotations

from typing import Any


class FreeBits:
    """minimise D + beta sum_j max(rate / D, mean R_j): a total of ``rate`` nats per text is free."""

    def __init__(self, *, rate: float = 8.0, beta: float | dict[str, Any] = 1.0) -> None:
        self.rate = rate
        self.beta = beta

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "free_bits": {"weight": self.beta, "rate": self.rate}, "rate": 0.0}}
