"""Options that several commands share, added to a command by a wrapper around it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer


def option(name: str, kind: Any, default: Any, *names: str, **how: Any) -> inspect.Parameter:
    """Return the parameter of an option; ``names`` and ``how`` are those of ``typer.Option``."""
    annotation = Annotated[kind, typer.Option(*names, **how)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def wrapped(
    command: Callable[..., None],
    wrapper: Callable[..., None],
    added: Sequence[inspect.Parameter],
    *,
    replaced: str | None = None,
) -> Callable[..., None]:
    """Return the wrapper with the name, help and parameters of a command, and the added options.

    ``replaced`` is the parameter of the command that the wrapper makes from these options.
    """
    signature = inspect.signature(command, eval_str=True)
    parameters = [*(p for p in signature.parameters.values() if p.name != replaced), *added]
    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper
