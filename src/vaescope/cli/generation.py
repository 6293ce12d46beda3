"""Options of the commands that write texts: how they are chosen, if not as draws of p(x|z)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from vaescope.cli.added_options import option, wrapped

OPTIONS: dict[str, tuple[type, Any, str]] = {
    "top_k": (int, 0, "draw among this many most probable tokens; 0: all"),
    "top_p": (float, 1.0, "draw among the fewest tokens that have this probability together"),
    "beams": (int, 1, "search with this many beams"),
    "min_length": (int, 0, "no text ends before this many tokens"),
    "no_repeat": (int, 0, "no run of this many tokens appears twice; 0: they may"),
}
"""The fields of ``Generation`` with their types, defaults and help; importing that class would import torch."""


def with_generation(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``Generation``; its parameter ``generation`` is made of them.

    What was asked for is stated on stderr, since such texts are not draws of p(x|z).
    """
    added = [
        option(name, kind, default, help=text, rich_help_panel="Generation")
        for name, (kind, default, text) in OPTIONS.items()
    ]

    def with_it(**given: Any) -> None:
        from vaescope.model.generation import Generation

        generation = Generation(**{name: given.pop(name) for name in OPTIONS})
        if generation.note:
            typer.echo(generation.note, err=True)
        command(**given, generation=generation)

    return wrapped(command, with_it, added, replaced="generation")
