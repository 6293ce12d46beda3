"""GECO: minimise R subject to a distortion that is some nats below the loss of a language model."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def geco(*, language_model: float = 100.0, saved: float = 8.0, method: str = "lagrangian") -> Spec:
    """Minimise R subject to D <= ``language_model`` - ``saved``: fixes the distortion and leaves the rate free.

    Rezende and Viola, Taming VAEs, arXiv:1810.00597: the weight of the distortion is multiplied by exp(step * error) at
    each step, the error being a moving average with factor 0.99. Here the same step is that of ``method``
    ``lagrangian`` (or ``pi``, which averages and damps). At its bound the constraint always binds, since the rate is
    minimised, so it is written as an equality. mdr traces the same curve from the other side.

    Give as ``language_model`` the loss in nats per text of the control (preset ``language_model``) on this corpus, and
    as ``saved`` how many of them z shall save; 100 fits sentences of news.
    """
    bound = language_model - saved
    constraint = {"term": "distortion", "relation": "==", "bound": bound, "method": method}
    return {"terms": {"distortion": 1.0, "rate": 1.0}, "constraints": [constraint]}
