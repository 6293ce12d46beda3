"""A first target rate for texts of a given cost, with its reason."""

from __future__ import annotations

LEAST = 4.0
SHARE = 0.08
MOST = 0.5
"""Of a text's nats: more than this share cannot be asked of z."""


def first_rate(cost: float | None) -> tuple[float, str]:
    """Return a target rate in nats per text to begin with, and why it is this one.

    It is 8% of what a text costs, at least 4 nats and at most half of a text. A higher one may pay: see the multiplier.

    Args:
        cost: nats of a text without z, for instance -log p(x); None where it is not known.

    >>> first_rate(100.0)
    (8.0, '8 nats are 8% of the 100 nats of a text, which is where to begin')
    >>> first_rate(12.0)
    (4.0, '4 nats are a third of the 12 nats of a text, enough to see whether z can be used')
    >>> first_rate(3.0)[0], first_rate(None)[0]
    (1.5, 4.0)
    """
    if cost is None or not cost > 0:
        return LEAST, f"{LEAST:g} nats are enough to see whether z can be used"
    rate = float(f"{min(max(LEAST, SHARE * cost), MOST * cost):.2g}")
    reason = f"{rate:g} nats are {_share(rate / cost)} of the {cost:.3g} nats of a text"
    if rate > LEAST:
        return rate, f"{reason}, which is where to begin"
    return rate, f"{reason}, enough to see whether z can be used"


def _share(share: float) -> str:
    words = {1 / 2: "half", 1 / 3: "a third", 1 / 4: "a quarter"}
    return next((word for value, word in words.items() if abs(share - value) < 0.01), f"{share:.0%}")
