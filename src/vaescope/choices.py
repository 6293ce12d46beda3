"""A choice is a file: what a folder of the package offers, found by the names of its files.

The folder ``objectives/terms`` offers the term ``free_bits`` because it holds ``free_bits.py``, whose class
``FreeBits`` has the options of the term as the keyword arguments of its constructor. Listing reads only source text,
so it imports nothing heavy.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import keyword
from pathlib import Path
from typing import Any

from vaescope.errors import UserError, unknown

KINDS: dict[str, str] = {
    "corpora": "vaescope.corpora.known",
    "injections": "vaescope.model.injections",
    "priors": "vaescope.model.priors",
    "terms": "vaescope.objectives.terms",
    "objectives": "vaescope.objectives.presets",
    "diagnostics": "vaescope.assessment.diagnostics",
}
"""The kinds of choices and the folder (as a package) of each."""


def names(kind: str) -> list[str]:
    """Return the names that the folder of ``kind`` offers, sorted.

    >>> "memory" in names("injections")
    True
    """
    files = _folder(kind).glob("[a-z]*.py")
    return sorted(file.stem for file in files)


def summary(kind: str, name: str) -> str:
    """Return the first sentence of the documentation of a choice, without importing it.

    >>> summary("injections", "memory").startswith("Memory")
    True
    """
    tree = ast.parse(_file(kind, name).read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    return " ".join(text.split("\n\n")[0].split())


def load(kind: str, name: str) -> type:
    """Return the class of a choice: ``free_bits.py`` holds ``FreeBits``.

    Raises:
        UserError: no file of that name in the folder; the message suggests the nearest.
    """
    _file(kind, name)
    module = importlib.import_module(f"{KINDS[kind]}.{name}")
    return getattr(module, class_name(name))


def build(kind: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Construct a choice from positional ``arguments`` of the caller and keyword ``options`` of the user.

    Raises:
        UserError: an unknown name or option; the message suggests the nearest known.
    """
    cls = load(kind, name)
    parameters = inspect.signature(cls).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            if not known:
                raise UserError(f"{kind[:-1]} '{name}' takes no options, but '{option}' was given")
            raise unknown(f"option of {kind[:-1]} '{name}'", option, known)
    return cls(*arguments, **options)


def class_name(name: str) -> str:
    """Return the class name of a choice.

    >>> class_name("free_bits")
    'FreeBits'
    >>> class_name("none")  # a word of Python itself cannot name a class
    'None_'
    """
    joined = "".join(part.capitalize() for part in name.split("_"))
    return f"{joined}_" if keyword.iskeyword(joined) else joined


def _folder(kind: str) -> Path:
    if kind not in KINDS:
        raise unknown("kind of choice", kind, KINDS)
    return Path(__file__).parent.joinpath(*KINDS[kind].split(".")[1:])


def _file(kind: str, name: str) -> Path:
    if name not in names(kind):
        raise unknown({"corpora": "corpus"}.get(kind, kind[:-1]), name, names(kind))
    return _folder(kind) / f"{name}.py"
