"""Guess which columns of a table hold the texts and their labels; the user may correct the guess."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from vaescope.corpora.files import contents, training_file
from vaescope.corpora.table_files import DELIMITERS, LONGEST_FIELD, decode
from vaescope.errors import UserError

ROWS = 2_000
"""Rows to look at."""

TEXTS = ("text", "sentence", "review", "question", "content", "document", "body", "comment", "tweet", "utterance")
LABELS = ("label", "labels", "category", "class", "topic", "sentiment", "rating", "stars", "target", "genre", "intent")
"""Usual names of columns, the most usual first; what the column holds counts more."""

MOST_LABELS = 50
LONGEST_LABEL = 40


@dataclass(frozen=True)
class Guess:
    """A guess of the columns of texts and labels.

    Attributes:
        text: the column with the texts; None if there are no columns (a text file).
        labels: columns that hold a label of each text, the likeliest first.
        columns: all columns.
    """

    text: str | None
    labels: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def guess_columns(path: Path) -> Guess:
    """Look at the first rows of a file, or of the training file of a folder.

    Raises:
        UserError: no such file, or a table without a column of texts.
    """
    file = training_file(path)
    ending, raw = contents(file)
    if ending == ".txt":
        return Guess(None)
    return guess_from(_rows(ending, raw, str(file)), str(file))


def guess_from(rows: Sequence[Mapping[str, Any]], source: str) -> Guess:
    """Guess from rows: texts are the strings with the most words, labels are short values that repeat often.

    Numbers, dates and, under a name that is not usual for texts, labels are no texts.

    Raises:
        UserError: no column holds texts.

    >>> rows = [{"id": str(i), "Question": f"what is the {i} of it ?", "Category": "ab"[i % 2]} for i in range(100)]
    >>> guess_from(rows, "q.csv")
    Guess(text='Question', labels=('Category',), columns=('id', 'Question', 'Category'))
    """
    columns = tuple(dict.fromkeys(name for row in rows for name in row if name))
    values = {name: [row.get(name) for row in rows] for name in columns}
    words = {name: _words(found) for name, found in values.items()}
    words |= {name: 0.0 for name, found in values.items() if _is_label(found) and _rank(name, TEXTS) == len(TEXTS)}
    text = max(columns, key=lambda name: (words[name], -_rank(name, TEXTS)), default=None)
    if text is None or not words[text]:
        raise UserError(f"{source}: no column of texts (columns: {', '.join(columns) or 'none'}); give --column NAME")
    labels = [name for name in columns if name != text and _is_label(values[name])]
    return Guess(text, tuple(sorted(labels, key=lambda name: _rank(name, LABELS))), columns)


def _rank(name: str, usual: Sequence[str]) -> int:
    lower = name.strip().lower()
    return usual.index(lower) if lower in usual else len(usual)


def _words(values: Iterable[Any]) -> float:
    """Mean number of words; 0 for a column that does not hold strings, or mostly strings without a letter."""
    filled = [value for value in values if value is not None and value != ""]
    if not filled or not all(isinstance(value, str) for value in filled):
        return 0.0
    if 2 * sum(any(map(str.isalpha, value)) for value in filled) < len(filled):
        return 0.0
    # a language without spaces between words has long words instead
    return sum(max(len(value.split()), len(value) / 8) for value in filled) / len(filled)


def _is_label(values: Sequence[Any]) -> bool:
    """Whether a column has at least two short values, each for ten rows on average."""
    filled = [str(value).strip() for value in values if value is not None and str(value).strip()]
    kinds = set(filled)
    few = 2 <= len(kinds) <= min(MOST_LABELS, len(filled) / 10)
    return few and len(filled) >= 0.5 * len(values) and max(map(len, kinds)) <= LONGEST_LABEL


def _rows(ending: str, raw: bytes, source: str) -> list[dict[str, Any]]:
    if ending == ".parquet":
        return _parquet(raw, source)
    text = decode(raw, source)
    try:
        return _table(text, ending) if ending in (".csv", ".tsv") else _objects(text)
    except (csv.Error, ValueError, RecursionError) as error:
        raise UserError(f"{source}: its rows cannot be read ({error}); repair it, or give --column NAME") from error


def _table(text: str, ending: str) -> list[dict[str, Any]]:
    lines = text.lstrip("\n")
    header = lines.partition("\n")[0]
    mark = "\t" if ending == ".tsv" else max(DELIMITERS, key=lambda m: (header.count(m), m == ","))
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        return [
            {name.strip(): value for name, value in row.items() if isinstance(name, str)}
            for row in islice(csv.DictReader(io.StringIO(lines, newline=""), delimiter=mark), ROWS)
        ]
    finally:
        csv.field_size_limit(limit)


def _objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of JSON lines or of one array."""
    if text.lstrip().startswith("["):
        found = json.loads(text)[:ROWS]
    else:
        found = [json.loads(line) for line in islice((line for line in text.split("\n") if line.strip()), ROWS)]
    if all(isinstance(row, str) for row in found):
        return [{"text": row} for row in found]
    return [row for row in found if isinstance(row, dict)]


def _parquet(raw: bytes, source: str) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        batches = pq.ParquetFile(io.BytesIO(raw)).iter_batches(batch_size=ROWS)
        return list(next(batches).to_pylist())
    except (pa.ArrowInvalid, StopIteration) as error:
        raise UserError(f"{source}: not a Parquet file with rows; write it again or give another format") from error
