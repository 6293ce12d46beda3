"""A model that a user's own Python file defines, by the name FILE.py:NAME or module:NAME."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from vaescope.errors import UserError, one_line, unknown
from vaescope.sweep.from_transformers import FromTransformers
from vaescope.sweep.text_model import TextModel

KINDS = (TextModel, FromTransformers)


def load_text_model(name: str) -> TextModel | FromTransformers:
    """Return the model that a name means: an object, or what a function without arguments returns.

    The code of the file runs, with its folder among the places that Python imports from.

    Raises:
        UserError: a name of another form, no such file or object, code that fails, or an object of another kind.
    """
    place, _, attribute = name.rpartition(":")
    if not place or not attribute.isidentifier():
        raise UserError(f"{name}: give FILE.py:NAME or module:NAME, where NAME is a TextModel or a FromTransformers")
    module = _module(place)
    if not hasattr(module, attribute):
        raise UserError(f"{place}: {unknown('name', attribute, _offered(module))}")
    found = getattr(module, attribute)
    if not isinstance(found, KINDS) and callable(found):
        try:
            found = found()
        except UserError:
            raise
        except Exception as error:  # the user's own code may fail in any way
            raise UserError(f"{name}() failed with {_short(error)}; run it in Python by itself") from error
    if not isinstance(found, KINDS):
        kind = type(found).__name__
        raise UserError(f"{name}: expected a TextModel or a FromTransformers, or a function that returns one; {kind}")
    return found


def _module(place: str) -> Any:
    if not place.endswith(".py"):
        try:
            return importlib.import_module(place)
        except Exception as error:  # the user's own code may fail in any way
            raise UserError(f"{place} cannot be imported: {_short(error)}; install it, or give FILE.py:NAME") from error
    file = Path(place)
    if not file.is_file():
        raise UserError(f"{file}: no such Python file; check the path")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code may fail in any way
        raise UserError(f"{file} failed with {_short(error)}; run it in Python by itself") from error
    finally:
        sys.path.remove(str(file.resolve().parent))
    return module


def _offered(module: Any) -> list[str]:
    """Names of a module that may be a model: its models and its own functions."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, KINDS) or (callable(value) and getattr(value, "__module__", "") == module.__name__)
    ]


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(str(error))[:200]}"
