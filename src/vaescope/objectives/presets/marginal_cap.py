"""Marginal cap: minimise D + R subject to R >= a target and a measure of the marginal KL <= a cap."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def marginal_cap(
    *, rate: float = 8.0, marginal_kl: float = 0.5, measure: str = "marginal_kl_gaussian", method: str = "pi"
) -> Spec:
    """Minimise D + R subject to R >= ``rate`` and ``measure`` <= ``marginal_kl``, so a forced rate must be information.

    ``measure`` is a term. ``marginal_kl_gaussian`` holds the moments of q(z), ``marginal_kl_kde`` the distribution of
    each unit: both are parts of the marginal KL, cheap and without a ceiling. ``marginal_kl`` estimates all of it, but
    is at least R - log N with N training texts. The assessment measures what was reached.

    The constraint on the rate is that of Pelsmaeker and Aziz (ACL 2020); two constraints at once as in Zhao et al.,
    The Information Autoencoding Family, UAI 2018.
    """
    constraints = [
        {"term": "rate", "relation": ">=", "bound": rate, "method": method},
        {"term": measure, "relation": "<=", "bound": marginal_kl, "method": method},
    ]
    return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": constraints}
