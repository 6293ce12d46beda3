"""Numbers separated by commas, as the value of an option."""

from __future__ import annotations

import math

from vaescope.errors import UserError


def numbers_of(text: str, name: str, example: str, *, above: float = -math.inf) -> list[float]:
    """Return the finite numbers of an option.

    Raises:
        UserError: another word, or a number that is not finite or not above the limit.

    >>> numbers_of("1,0.5", "--strengths", "0.5,1,2")
    [1.0, 0.5]
    """
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = [math.nan]
    if not all(above < number < math.inf for number in numbers):
        kind = "positive numbers" if above == 0 else "numbers"
        raise UserError(f"{name} '{text}': give {kind} separated by commas, for instance {example}")
    return numbers
