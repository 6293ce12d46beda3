"""A choice is a file: finds what a folder of the package offers by the names of its files.

The folder ``objectives/terms`` offers the term ``free_bits`` because it holds ``free_bits.py``. The choice itself is
the one class of that file with the base class of the kind; an objective is the one public function. Its options are
the keyword-only arguments. Listing only reads source text, so it does not import torch.

A choice may also come from outside the package, in two ways:

* ``module:Name`` in the configuration names a class (or function) of any module that Python can import;
* an installed package offers it by name through an entry point of the group ``vaescope.KIND``, such as
  ``vaescope.terms``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_type_hints

from vaescope.checks import fits, kinds, shown
from vaescope.errors import UserError, unknown

PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class Kind:
    """A kind of choice.

    Attributes:
        singular: its name in a message.
        package: the folder that holds its files, as a package.
        base: the base class of its choices, ``module:Class``; None where a choice is a function.
    """

    singular: str
    package: str
    base: str | None


KINDS: dict[str, Kind] = {
    "corpora": Kind("corpus", "vaescope.corpora.known", "vaescope.corpora.known._known:KnownCorpus"),
    "injections": Kind("injection", "vaescope.model.injections", "vaescope.model.injection:Injection"),
    "posteriors": Kind("posterior", "vaescope.model.posteriors", "vaescope.model.posterior:Posterior"),
    "priors": Kind("prior", "vaescope.model.priors", "vaescope.model.prior:Prior"),
    "terms": Kind("term", "vaescope.objectives.terms", "vaescope.objectives.term:Term"),
    "objectives": Kind("objective", "vaescope.objectives.presets", None),
    "diagnostics": Kind("diagnostic", "vaescope.assessment.diagnostics", "vaescope.assessment.diagnostic:Diagnostic"),
}
"""The kinds of choices by their names in the plural."""


def names(kind: str) -> list[str]:
    """Return the names of a kind, sorted: the files of its folder and the plugins of installed packages.

    >>> "memory" in names("injections")
    True
    """
    files = _folder(kind).glob("[a-z]*.py")
    return sorted({file.stem for file in files} | _plugins(kind).keys())


def summary(kind: str, name: str) -> str:
    """Return the first paragraph of the documentation of a choice; a choice of the package is not imported.

    >>> summary("injections", "memory").startswith("Memory")
    True
    """
    return " ".join(explanation(kind, name).split("\n\n")[0].split())


def explanation(kind: str, name: str) -> str:
    """Return the docstring of the file of a choice, or of its class if it is from outside the package."""
    file = _file(kind, name)
    if file is None:
        return inspect.getdoc(load(kind, name)) or ""
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def check_name(kind: str, name: str) -> None:
    """Refuse an unknown name; ``module:Name`` is not imported here.

    Raises:
        UserError: the message suggests the nearest name.
    """
    if ":" not in name and name not in names(kind):
        raise unknown(KINDS[kind].singular, name, names(kind))


def load(kind: str, name: str) -> Callable[..., Any]:
    """Return the class (of an objective: the function) of a choice, by its name or as ``module:Name``.

    Raises:
        UserError: no such choice, or something that is not of this kind.
    """
    file = _file(kind, name)
    if file is not None:
        return _of_file(kind, name)
    found = _from_module(kind, name) if ":" in name else _loaded(kind, name)
    if not _is_of(kind, found):
        wanted = KINDS[kind].base or "a function that returns terms and constraints"
        raise UserError(f"{KINDS[kind].singular} '{name}': {_described(found)} is not {_article(wanted)}")
    return found


def options_of(kind: str, name: str) -> list[str]:
    """Return the names of the options of a choice.

    >>> options_of("objectives", "mdr")
    ['rate', 'method', 'start']
    """
    parameters = inspect.signature(load(kind, name)).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def build(kind: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Build a choice from positional ``arguments`` of the caller and keyword ``options`` of the user.

    Raises:
        UserError: an unknown name or option; the message suggests the nearest known one.
    """
    made = load(kind, name)
    known = options_of(kind, name)
    singular = KINDS[kind].singular
    for option in options:
        if option not in known:
            if not known:
                raise UserError(f"{singular} '{name}' takes no options, but '{option}' was given")
            raise unknown(f"option of {singular} '{name}'", option, known)
    hints = _annotations(made)
    for option, value in options.items():
        if not fits(value, hints.get(option, Any)):
            raise UserError(f"{singular} {name}.{option}: give {kinds(hints[option])}, not {shown(value)}")
    return made(*arguments, **options)


def _annotations(made: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of the options; none if they need names that are imported for type checkers only."""
    try:
        return get_type_hints(made.__init__ if inspect.isclass(made) else made)
    except (NameError, TypeError, AttributeError):
        return {}


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise unknown("kind of choice", kind, KINDS)
    return KINDS[kind]


def _folder(kind: str) -> Path:
    return Path(__file__).parent.joinpath(*_kind(kind).package.split(".")[1:])


def _file(kind: str, name: str) -> Path | None:
    """Return the file of a choice, or None if the choice is from outside the package."""
    check_name(kind, name)
    file = _folder(kind) / f"{name}.py"
    return file if ":" not in name and file.exists() else None


@cache
def _plugins(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"{PACKAGE}.{kind}")}


def _loaded(kind: str, name: str) -> Any:
    point = _plugins(kind)[name]
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"{_kind(kind).singular} '{name}' of {point.value}: {error}") from error


def _from_module(kind: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise UserError(
            f"{_kind(kind).singular} '{name}': {error}; give module:Class of a module that Python can import "
            "(install it, or set PYTHONPATH)"
        ) from error


def _of_file(kind: str, name: str) -> Callable[..., Any]:
    """Return the one class of a file with the base class of its kind, or its one public function."""
    module = importlib.import_module(f"{_kind(kind).package}.{name}")
    own = [value for key, value in vars(module).items() if not key.startswith("_")]
    found = [value for value in own if getattr(value, "__module__", "") == module.__name__ and _is_of(kind, value)]
    if len(found) != 1:
        what = "function" if KINDS[kind].base is None else f"class with the base {KINDS[kind].base}"
        raise TypeError(f"{module.__file__}: a choice is a file with one public {what}; this one has {len(found)}")
    return found[0]


def _is_of(kind: str, value: Any) -> bool:
    base = _kind(kind).base
    if base is None:
        return inspect.isfunction(value)
    module, _, name = base.partition(":")
    return inspect.isclass(value) and issubclass(value, getattr(importlib.import_module(module), name))


def _described(value: Any) -> str:
    return value.__qualname__ if inspect.isclass(value) or inspect.isfunction(value) else type(value).__name__


def _article(wanted: str) -> str:
    return wanted if " " in wanted else f"a subclass of {wanted.replace(':', '.')}"
