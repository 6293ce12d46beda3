"""GECO: minimise R subject to a distortion that is some nats below the loss of a language model."""

from __future__ import annotations

from vaescope.objectives.specification import Spec


def geco(*, language_model: float = 100.0, saved: float = 8.0, method: str = "pi") -> Spec:
    """Minimise R subject to D == ``language_model`` - ``saved``: holds the distortion and leaves the rate free.

    Give as ``language_model`` the loss in nats per text of the control (preset ``language_model``) on this corpus, and
    as ``saved`` how many of these nats z should save; 100 suits sentences of news. mdr traces the same curve from the
    other side. The constraint D <= bound of the paper always binds, since the rate is minimised, so it is an equality
    here.

    As in Rezende and Viola, Taming VAEs, arXiv:1810.00597, the weight of the distortion is multiplied at each step by
    exp(step * error). The error here is relative to ``saved``, and ``method`` ``pi`` averages and damps it.
    """
    constraint = {"term": "saved", "relation": "==", "bound": saved, "method": method}
    weighted = {"weight": 1.0, "language_model": language_model}
    return {"terms": {"distortion": 0.0, "rate": 1.0, "saved": weighted}, "constraints": [constraint]}
