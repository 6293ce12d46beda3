"""Information floor: minimise D + R subject to an estimate of the information I >= a target in nats per text."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def information_floor(*, information: float = 1.5, estimator: str = "batch", method: str = "pi") -> Spec:
    """Minimise D + R subject to I >= ``information``: mdr asks for rate, of which marginal KL is a part; this does not.

    The estimate is that of the term ``mutual_information``. ``batch`` bounds I from below, so what it holds is there,
    but it reaches at most log B nats for B texts per micro-batch: ask for log B - 2 or less. ``stratified`` reaches
    log N of the training texts, and is too large below that. ``others`` has no ceiling and bounds I from above, by
    much where I exceeds log B. The assessment measures what was reached.

    The floor takes the place of the rate in Pelsmaeker and Aziz (ACL 2020); the bounds are those of Poole et al., On
    Variational Bounds of Mutual Information, ICML 2019.
    """
    term = {"weight": 0.0, "estimator": estimator}
    constraint = {"term": "mutual_information", "relation": ">=", "bound": information, "method": method}
    return {"terms": {"distortion": 1.0, "rate": 1.0, "mutual_information": term}, "constraints": [constraint]}
