"""User errors, reported in one line: what is wrong, where, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in the input (a file, an option, a configuration), not in the program.

    The message is one line that names the thing and the fix. The command line prints it without a traceback.

    >>> raise UserError("corpus.txt: the file is empty; give a file with one text per line")
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: corpus.txt: the file is empty; give a file with one text per line
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a ``name`` that is not among the ``known`` ones; it suggests the nearest.

    >>> print(unknown("objective", "mdrr", ["mdr", "vae"]))
    unknown objective 'mdrr'; did you mean 'mdr'? (known: mdr, vae)
    >>> print(unknown("column", "text", ["id"]))
    unknown column 'text' (known: id)
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    listed = f" (known: {', '.join(known)})" if known else ""
    return UserError(f"unknown {kind} '{name}'{hint}{listed}")
