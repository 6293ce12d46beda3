"""Free bits: minimise D + sum_j max(lambda, R_j), each unit free up to lambda (Kingma et al. 2016; Li et al. 2019)."""

from __future__ import annotations

from vaescope.errors import unknown
from vaescope.objectives.specification import Spec, Weight

FORMS = ("free_bits", "free_bits_hinge", "free_bits_total")


def free_bits(*, rate: float = 8.0, beta: Weight = 1.0, form: str = "free_bits") -> Spec:
    """Minimise D + beta F, where F is a rate of which ``rate`` nats per text are free.

    ``form`` is the term F: ``free_bits`` sum_j max(rate / D, mean R_j) of Kingma et al., NeurIPS 2016;
    ``free_bits_hinge``, the same for each text separately, of Li et al., EMNLP 2019; ``free_bits_total``
    max(rate, mean R).

    Raises:
        UserError: an unknown form.
    """
    if form not in FORMS:
        raise unknown("form of free bits", str(form), FORMS)
    return {"terms": {"distortion": 1.0, form: {"weight": beta, "rate": rate}, "rate": 0.0}}
