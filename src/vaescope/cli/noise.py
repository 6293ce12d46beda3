"""Options of the commands that assess a deterministic code: the noise that makes it a posterior."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import typer

from vaescope.cli.added_options import option, wrapped


@dataclass(frozen=True)
class Noise:
    """What the user asked for; None is not asked for.

    Attributes:
        std: the size of the noise, in units of z.
        distortion: the nats that the noise may cost.
    """

    std: float | None = None
    distortion: float | None = None

    def __bool__(self) -> bool:
        """Return whether noise was asked for."""
        return self.std is not None or self.distortion is not None


OPTIONS = {
    "noise": "for a deterministic code: the standard deviation of its noise, in units of z",
    "noise_distortion": "for a deterministic code: the largest noise that costs at most this many nats per text",
}

_asked: ContextVar[Noise] = ContextVar("noise", default=Noise())  # noqa: B039 - it is frozen


def with_noise(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--noise`` and ``--noise-distortion`` to a command, which ``asked`` reads."""
    added = [option(name, float | None, None, help=text) for name, text in OPTIONS.items()]

    def with_it(*, noise: float | None, noise_distortion: float | None, **options: Any) -> None:
        if noise is not None and noise_distortion is not None:
            raise typer.BadParameter("give one of --noise and --noise-distortion")
        token = _asked.set(Noise(noise, noise_distortion))
        try:
            command(**options)
        finally:
            _asked.reset(token)

    return wrapped(command, with_it, added)


def asked() -> Noise:
    """Return the noise that the user asked for."""
    return _asked.get()
