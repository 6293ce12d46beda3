"""EncoderSteps: options of the extra encoder updates before each step, which some objectives use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from vaescope.errors import UserError, unknown


@dataclass(frozen=True, kw_only=True)
class EncoderSteps:
    """The options of aggressive encoder updates.

    While q(z|x) lags behind p(z|x), each optimiser step is preceded by steps of only the encoder on other texts, until
    the mean loss of ``burst`` of them is no lower than that of the ``burst`` before, and at most ``most`` of them; the
    step itself then updates only the decoder. This stops for good at the first validation whose ``mutual_information``
    is not larger than at the previous one. With ``most`` 0 there are no extra steps.

    He et al., Lagging Inference Networks and Posterior Collapse in Variational Autoencoders, ICLR 2019.
    """

    most: int = 0
    burst: int = 15


def build_encoder_steps(options: dict[str, Any] | None) -> EncoderSteps:
    """Return the options; by default there are no extra steps.

    Raises:
        UserError: an unknown option, or an invalid number of steps.

    >>> build_encoder_steps(None).most
    0
    """
    options = options or {}
    known = [field.name for field in fields(EncoderSteps)]
    for name, value in options.items():
        if name not in known:
            raise unknown("option of encoder_steps", name, known)
        if isinstance(value, bool) or not isinstance(value, int) or value < (0 if name == "most" else 1):
            raise UserError(f"encoder_steps.{name}: {value!r} is not a number of steps")
    return EncoderSteps(**options)
