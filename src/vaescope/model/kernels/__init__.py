"""Faster code for the same numbers, each with its plain form; ``plain()`` switches to the plain forms."""

from vaescope.model.kernels.switch import is_plain, plain

__all__ = ["is_plain", "plain"]
