"""LagVAE: minimise D (maximise information) subject to ELBO >= a bound and MMD <= another (Zhao et al. 2018)."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def lagvae(*, elbo: float = -100.0, mmd: float = 0.01, method: str = "pi") -> Spec:
    """Minimise D subject to ELBO >= ``elbo`` and MMD^2(q(z), p(z)) <= ``mmd``.

    Zhao, Song and Ermon, The Information Autoencoding Family, UAI 2018: of all models that fit the data and match the
    prior, the one whose z is most informative, with the bound H - D in place of I. ``elbo`` depends on the corpus: give
    a few nats less than a VAE reaches; -100 suits sentences of news. A bound that is not met is reported at the end.
    """
    constraints = [
        {"term": "elbo", "relation": ">=", "bound": elbo, "method": method},
        {"term": "mmd", "relation": "<=", "bound": mmd, "method": method},
    ]
    return {"terms": {"distortion": 1.0, "rate": 0.0}, "constraints": constraints}
