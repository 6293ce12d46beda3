"""Check values of a configuration against type annotations, and state mistakes in words."""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from vaescope.errors import UserError, unknown

SHOWN = 60
"""Characters of a wrong value that a message shows."""


def fits(value: Any, annotation: Any) -> bool:
    """Return whether a value has the type of an annotation without a conversion; ranges are not checked.

    An integer is a number, and a whole number may be written 10.0; true and '5' are not numbers.

    >>> fits(1, float), fits(True, int), fits("5", int), fits([1, 2.0], list[int]), fits(float("nan"), float)
    (True, False, False, True, False)
    """
    if annotation is Any:
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin in (Union, types.UnionType):
        return any(fits(value, argument) for argument in arguments)
    if origin is Literal:
        return isinstance(value, str)
    if annotation in (None, type(None)):
        return value is None
    if annotation is bool:
        return isinstance(value, bool)
    if annotation in (int, float):
        return _is_number(value, whole=annotation is int)
    if origin in (list, tuple):
        return _fits_sequence(value, origin, arguments)
    if origin is Sequence:
        return _fits_sequence(value, list, arguments) if isinstance(value, list | tuple) else _is_sized(value)
    if origin is Callable:
        return callable(value)
    if origin is Iterable:
        return hasattr(value, "__iter__") and not isinstance(value, str)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(fits(inner, arguments[1]) for inner in value.values())
    if (origin or annotation) is dict:
        return isinstance(value, dict) and (not arguments or all(fits(inner, arguments[1]) for inner in value.values()))
    if annotation is Path:
        # Path('') is the working directory, which nobody means by an empty string
        return isinstance(value, Path) or (isinstance(value, str) and value != "")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return isinstance(value, dict | annotation)
    return isinstance(value, annotation) if isinstance(annotation, type) else True


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    if isinstance(value, Integral):
        return True
    return math.isfinite(value) and (not whole or float(value).is_integer())


def _fits_sequence(value: Any, origin: type, arguments: tuple[Any, ...]) -> bool:
    if not isinstance(value, list | tuple):
        return False
    if origin is tuple and Ellipsis not in arguments:
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    return all(fits(inner, arguments[0]) for inner in value)


def _is_sized(value: Any) -> bool:
    """Whether a value that is no list may stand for one: an array or a column of a table, but no single text."""
    return not isinstance(value, str | bytes | Mapping) and hasattr(value, "__len__") and hasattr(value, "__getitem__")


def kinds(annotation: Any) -> str:
    """Return in words the values that an annotation allows.

    >>> kinds(str | dict[str, Any]), kinds(int | None), kinds(tuple[int, int, int])
    ('a name or a mapping of settings', 'a whole number', 'a list of 3 values, each a whole number')
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kinds(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(kinds(inner) for inner in arguments if inner is not type(None)))
    if origin is Literal:
        return " or ".join(arguments)
    if origin is Callable:
        return "a function"
    if origin in (list, tuple, Sequence, Iterable):
        count = f"{len(arguments)} values" if origin is tuple and Ellipsis not in arguments else "values"
        return f"a list of {count}, each {kinds(arguments[0])}"
    if (origin or annotation) in (dict, Mapping):
        plain = not arguments or arguments[1] is Any
        return "a mapping of settings" if plain else f"a mapping of names, each with {kinds(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a mapping with the keys {', '.join(annotation.model_fields)}"
    words = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a name", Path: "a path"}
    return words.get(annotation, "another value")


def shown(value: Any) -> str:
    """Return a wrong value as a message shows it, cut if it is long.

    >>> shown(True), shown("5"), shown([0] * 100)
    ('true', "'5'", '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0...')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    try:
        text = repr(str(value) if isinstance(value, Path) else value)
    except ValueError:  # an integer of more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def first_mistake(error: ValidationError, source: str, root: type[BaseModel]) -> UserError:
    """Return the first error of validating ``root`` as one line; it suggests the nearest key for an unknown one."""
    mistake = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where, annotation = _place(mistake["loc"], root)
    if mistake["type"] in ("extra_forbidden", "invalid_key"):
        name = str(mistake["loc"][len(where)] if len(where) < len(mistake["loc"]) else mistake["loc"][-1])
        known = [".".join([*where, field]) for field in getattr(annotation, "model_fields", ())]
        return UserError(f"{source}: {unknown('key', '.'.join([*where, name]), known)}")
    message = _words(mistake, annotation)
    return UserError(": ".join(part for part in (source, ".".join(where), message) if part))


def _place(place: tuple[int | str, ...], root: type[BaseModel]) -> tuple[list[str], Any]:
    """Return the keys that lead to a mistake, without the names of the parts of a union, and its annotation."""
    where: list[str] = []
    annotation: Any = root
    for part in place:
        fields = getattr(_section(annotation), "model_fields", None)
        if fields is not None:
            if part not in fields:
                return where, _section(annotation)
            annotation = fields[part].annotation
        elif isinstance(part, int) and get_origin(annotation) in (list, tuple):
            arguments = get_args(annotation)
            annotation = arguments[part] if get_origin(annotation) is tuple and part < len(arguments) else arguments[0]
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            break
        where.append(str(part))
    return where, _section(annotation)


def _section(annotation: Any) -> Any:
    """Return the section that an annotation stands for, without ``None``."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    return next((inner for inner in get_args(annotation) if hasattr(inner, "model_fields")), annotation)


BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
"""The kinds of mistake about a range, with the name of the bound and how it is said."""


def _words(mistake: Any, annotation: Any) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return str(context.get("error", mistake["msg"]))
    if kind == "missing":
        return f"missing; give {kinds(annotation)}"
    if kind in BOUNDS:
        name, words = BOUNDS[kind]
        return f"give {words} {context[name]:,}, not {shown(mistake['input'])}"
    if kind == "literal_error":
        choices = [str(choice) for choice in get_args(_literal(annotation))]
        near = difflib.get_close_matches(str(mistake["input"]), choices, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"give {' or '.join(choices)}, not {shown(mistake['input'])}{hint}"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length" if kind == "too_short" else "max_length")
        return f"give {'at least' if kind == 'too_short' else 'at most'} {bound} values, not {shown(mistake['input'])}"
    return f"give {kinds(annotation)}, not {shown(mistake['input'])}"


def _literal(annotation: Any) -> Any:
    """The set of names in an annotation."""
    if get_origin(annotation) is Literal:
        return annotation
    return next((found for inner in get_args(annotation) if (found := _literal(inner)) is not None), None)
