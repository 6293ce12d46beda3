"""Free bits: minimise D + sum_j max(lambda, R_j), each unit free up to lambda (Kingma et al. 2016; Li et al. 2019)."""

from __future__ import annotations

from typing import Any

from vaescope.errors import unknown

FORMS = ("free_bits", "free_bits_hinge", "free_bits_total")


class FreeBits:
    """minimise D + beta F with F a rate of which ``rate`` nats per text are free.

    ``form`` is the term F: ``free_bits`` sum_j max(rate / D, mean R_j) of Kingma et al., NeurIPS 2016;
    ``free_bits_hinge``, the same for each text by itself, of Li et al., EMNLP 2019; ``free_bits_total``
    max(rate, mean R).

    Raises:
        UserError: an unknown form.
    """

    def __init__(self, *, rate: float = 8.0, beta: float | dict[str, Any] = 1.0, form: str = "free_bits") -> None:
        if form not in FORMS:
            raise unknown("form of free bits", str(form), FORMS)
        self.rate = rate
        self.beta = beta
        self.form = form

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, self.form: {"weight": self.beta, "rate": self.rate}, "rate": 0.0}}
