"""Mistakes of the input, told in one line: what is wrong, where, and what mends it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake of the input (a file, an option, a configuration), not of the program.

    The message is one line that names the thing and the mend. The command line prints it without a traceback.

    >>> raise UserError("corpus.txt: the file is empty; give a file with one text per line")
    Traceback (most recent call last):
    ...
    vaescope.errors.UserError: corpus.txt: the file is empty; give a file with one text per line
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """Return the error for a ``name`` that is not among the ``known`` ones, with the nearest as a suggestion.

    >>> print(unknown("objective", "mdrr", ["mdr", "vae"]))
    unknown objective 'mdrr'; did you mean 'mdr'? (known: mdr, vae)
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" did you mean '{near[0]}'?" if near else ""
    return UserError(f"unknown {kind} '{name}';{hint} (known: {', '.join(known)})")
