"""Check the arguments of a function of the Python interface against its annotations, in one line for each mistake."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from vaescope.checks import fits, kinds, shown
from vaescope.errors import UserError, unknown

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with a check of its arguments; a path may be a string, and a whole number 10.0.

    Raises:
        UserError: by the returned function, if an argument does not fit its annotation.

    >>> @checked
    ... def draw(count: int, seed: int = 0) -> int:
    ...     return count + seed
    >>> draw(2, seed=1)
    3
    >>> draw("two")
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: draw: count: give a whole number, not 'two'
    """

    @functools.wraps(function)
    def checking(*arguments: P.args, **options: P.kwargs) -> R:
        bound = inspect.signature(function).bind(*arguments, **options)
        bound.arguments.update(fitting(function, bound.arguments))
        return function(*bound.args, **bound.kwargs)

    return checking


def fitting(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments by name as the annotations of a function want them.

    Raises:
        UserError: an argument does not fit its annotation.
    """
    hints = _hints(function)
    return {name: _fitting(function.__name__, name, value, hints.get(name, Any)) for name, value in given.items()}


def fitting_options(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return keyword options of a function, as its annotations want them.

    Raises:
        UserError: an option that the function does not have (the message suggests the nearest), or of another type.
    """
    parameters = inspect.signature(function).parameters.items()
    known = [name for name, parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    for name in given:
        if name not in known:
            raise unknown("option", name, known)
    return fitting(function, given)


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function)


def _fitting(function: str, name: str, value: Any, annotation: Any) -> Any:
    if not fits(value, annotation):
        raise UserError(f"{function}: {name}: give {kinds(annotation)}, not {shown(value)}")
    allowed = get_args(annotation) or (annotation,)
    if isinstance(value, str) and Path in allowed and str not in allowed:
        return Path(value)
    whole = int in allowed and float not in allowed and not isinstance(value, Integral)
    return int(value) if whole and isinstance(value, float) else value
