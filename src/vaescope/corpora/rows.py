"""Rows: the texts of a source with their labels, and the columns that they are read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vaescope.errors import UserError, unknown

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
"""Characters without width: a text of only these is blank."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are read, and how its fields are separated.

    Attributes:
        text: the column with the text.
        labels: the columns with labels, none or several.
        delimiter: what separates the fields of a CSV file; None to find it from the header.
    """

    text: str = "text"
    labels: tuple[str, ...] = ()
    delimiter: str | None = None

    @property
    def names(self) -> list[str]:
        """The columns that are read, each once."""
        return list(dict.fromkeys([self.text, *self.labels]))

    def unused(self, kind: str, source: str, *, named: bool) -> tuple[str, ...]:
        """Return a note for each setting that has no effect on a file that is not CSV or TSV.

        Args:
            kind: what the file is, ``a text file``.
            source: its name.
            named: whether its columns have names.

        >>> Columns("body").unused("a text file", "a.txt", named=False)
        ("a.txt: a text file has no columns, so the column 'body' has no effect",)
        """
        notes = []
        if not named and self.text != Columns.text:
            notes.append(f"{source}: {kind} has no columns, so the column '{self.text}' has no effect")
        if self.delimiter is not None:
            notes.append(f"{source}: {kind} has no delimiter, so data.delimiter has no effect")
        return tuple(notes)


@dataclass(frozen=True)
class Rows:
    """Texts with their labels; selecting texts selects their labels as well.

    Attributes:
        texts: N texts.
        labels: for each kind of label, one label per text.
        notes: what the user should know about how they were read, one line each.

    >>> Rows(["good", "", "bad"], {"label": ["1", "0", "0"]}).select([0, 2])
    Rows(texts=['good', 'bad'], labels={'label': ['1', '0']}, notes=())
    """

    texts: list[str]
    labels: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def select(self, indices: Iterable[int] | np.ndarray) -> Rows:
        """Return the rows at ``indices``, in their order."""
        places = [int(i) for i in indices]
        chosen = {name: [values[i] for i in places] for name, values in self.labels.items()}
        return Rows([self.texts[i] for i in places], chosen, self.notes)

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Concatenate rows; all parts have the same kinds of labels."""
        return cls(
            [text for part in parts for text in part.texts],
            {name: [value for part in parts for value in part.labels[name]] for name in parts[0].labels},
            tuple(note for part in parts for note in part.notes),
        )


def pick(rows: Iterable[Mapping[str, Any]], names: Iterable[str], columns: Columns, source: str) -> Rows:
    """Return the texts and labels of ``rows``, whose columns are ``names``; a missing text counts as a blank one.

    Raises:
        UserError: no such column (with the nearest), one that appears twice, or a text that is not a string.
    """
    require_columns(list(names), columns, source)
    texts: list[str] = []
    labels: dict[str, list[str]] = {name: [] for name in columns.labels}
    for number, row in enumerate(rows, start=1):
        value = row.get(columns.text)
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            advice = "join the parts of each text into one string" if kind in ("list", "tuple") else "set data.column"
            raise UserError(f"{source}: column '{columns.text}' holds {kind} in row {number}, not text; {advice}")
        texts.append(value or "")
        for name, values in labels.items():
            values.append("" if row.get(name) is None else str(row[name]))
    return Rows(texts, labels)


def require_columns(names: list[str], columns: Columns, source: str) -> None:
    """Refuse a table without the columns that are read.

    Raises:
        UserError: names the missing column, or the one that appears twice.
    """
    if not any(names):
        raise UserError(f"{source}: no columns in it; give a file with a column '{columns.text}'")
    for name in columns.names:
        key = "data.column" if name == columns.text else "data.label"
        if name not in names:
            raise UserError(f"{source}: {unknown('column', name, filter(None, names))}; set {key}")
        if names.count(name) > 1:
            raise UserError(f"{source}: column '{name}' appears {names.count(name)} times; rename all but one")


def strip(rows: Rows, source: str, least: int) -> Rows:
    """Return the rows with outer white space removed; blank texts are left out and their number is noted.

    Raises:
        UserError: nothing is left, or a text contains an invalid character.
    """
    texts = [text.strip() for text in rows.texts]
    kept = [i for i, text in enumerate(texts) if text and text.strip(INVISIBLE)]
    if not kept:
        raise UserError(f"{source}: no text in it; give at least {least} texts, one per line or row")
    found = Rows(texts, rows.labels, rows.notes).select(kept)
    for number, text in enumerate(found.texts, start=1):
        if "\0" in text:
            raise UserError(f"{source}: text {number} holds a NUL character; remove it")
        refuse_surrogate(text, f"{source}: text {number}")
    blank = len(texts) - len(kept)
    note = (f"{source}: skipped {blank} blank of {len(texts)} texts",) if blank else ()
    return Rows(found.texts, found.labels, (*rows.notes, *note))


def refuse_surrogate(text: str, which: str) -> None:
    """Refuse a text that is not valid Unicode, which no tokenizer takes.

    Raises:
        UserError: it contains an unpaired surrogate.
    """
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"{which} contains an unpaired surrogate, which is not valid UTF-8; remove it")
