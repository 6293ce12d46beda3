"""LagVAE: minimise D (maximise information) subject to ELBO >= a bound and MMD <= another (Zhao et al. 2018)."""

from __future__ import annotations

from typing import Any


class Lagvae:
    """minimise D subject to ELBO >= ``elbo`` and MMD^2(q(z), p(z)) <= ``mmd``.

    Zhao, Song and Ermon, The Information Autoencoding Family, UAI 2018: of all models that fit the data and match the
    prior, the one whose z says most, with the bound H - D in place of I. ``elbo`` depends on the corpus: give a few
    nats less than a VAE reaches there; -100 fits sentences of news. A bound that is not met is told at the end.
    """

    def __init__(self, *, elbo: float = -100.0, mmd: float = 0.01, method: str = "pi") -> None:
        self.constraints = [
            {"term": "elbo", "relation": ">=", "bound": elbo, "method": method},
            {"term": "mmd", "relation": "<=", "bound": mmd, "method": method},
        ]

    def spec(self) -> dict[str, Any]:
        """Return the terms and constraints."""
        return {"terms": {"distortion": 1.0, "rate": 0.0}, "constraints": self.constraints}
