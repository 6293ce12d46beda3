"""ControlVAE: minimise D + beta R, with beta set at each step by a PI controller that holds R at a target."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def control_vae(*, rate: float = 8.0, proportional: float = 0.01, integral: float = 1e-4) -> Spec:
    """Hold R == ``rate`` by the controller of Shao et al., ControlVAE, ICML 2020; see ``ControlConstraint``.

    ``proportional`` and ``integral`` are the gains K_p and K_i of the paper; the weight of the rate stays in [0, 1].
    """
    constraint = {
        "term": "rate",
        "relation": "==",
        "bound": rate,
        "method": "control",
        "proportional": proportional,
        "step_size": integral,
    }
    return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
