"""Information floor: minimise D + R subject to estimated information I >= a target in nats per text."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def information_floor(*, information: float = 1.5, estimator: str = "batch", method: str = "pi") -> Spec:
    """Minimise D + R subject to I >= ``information``: mdr constrains the rate, which includes the marginal KL; this
    constrains the information.

    The estimate is that of the term ``mutual_information``. ``batch`` is a lower bound of I, so the target is truly
    met, but it is at most log B nats for B texts per micro-batch: ask for log B - 2 or less. ``stratified`` is at most
    log N of the training texts, and too large below that. ``others`` has no ceiling and is an upper bound of I, far
    above I where I exceeds log B. The assessment measures the information that was reached.

    The constraint is that of Pelsmaeker and Aziz (ACL 2020) with information in place of the rate; the bounds are those
    of Poole et al., On Variational Bounds of Mutual Information, ICML 2019.
    """
    term = {"weight": 0.0, "estimator": estimator}
    constraint = {"term": "mutual_information", "relation": ">=", "bound": information, "method": method}
    return {"terms": {"distortion": 1.0, "rate": 1.0, "mutual_information": term}, "constraints": [constraint]}
