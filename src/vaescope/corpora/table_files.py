"""Tables: rows from the bytes of CSV, TSV, JSON, JSON lines and Parquet files, each checked row by row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from vaescope.corpora.rows import Columns, Rows, pick, require_columns
from vaescope.errors import UserError
from vaescope.reading import parse_json

DELIMITERS = (",", ";", "\t", "|")
"""Separators of CSV fields, the usual one first."""

LONGEST_FIELD = 2**31 - 1
"""Most characters of a CSV field (Python's own limit is 131,072)."""

QUOTED = re.compile(r'"(?:[^"]|"")*"')
"""A field in quotes, whose inner quotes are doubled."""


def decode(raw: bytes, source: str) -> str:
    """Return UTF-8 as text with line ends ``\\n``; a byte order mark at the start of any line is removed.

    Raises:
        UserError: not UTF-8, with the line.

    >>> decode("\\ufeffone\\r\\n\\ufefftwo\\rthree".encode(), "a.txt")
    'one\\ntwo\\nthree'
    """
    if (nul := raw.find(b"\0")) >= 0 and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        line = raw[:nul].count(b"\n") + 1
        raise UserError(
            f"{source}: NUL bytes (line {line}); convert UTF-16 with iconv -f utf-16le -t utf-8, or remove them"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{source}: not UTF-8 (line {line}); convert it, for instance with iconv -t utf-8") from error
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"(?m)^\ufeff+", "", text) if "\ufeff" in text else text


def read_csv(raw: bytes, columns: Columns, source: str) -> Rows:
    """Read CSV, with the given delimiter or the one found in the header."""
    return _read_separated(decode(raw, source), columns, source, columns.delimiter or ",")


def read_tsv(raw: bytes, columns: Columns, source: str) -> Rows:
    """Read TSV; the content of the file shows whether fields are quoted."""
    return _read_separated(decode(raw, source), columns, source, columns.delimiter or "\t")


def _read_separated(text: str, columns: Columns, source: str, delimiter: str) -> Rows:
    header, _, _ = text.lstrip("\n").partition("\n")
    if not header.strip():
        raise UserError(f"{source}: the file is empty; give a file with a header and a text per row")
    notes: tuple[str, ...] = ()
    if columns.delimiter is None:
        fitting = [mark for mark in DELIMITERS if columns.text in _names(header, mark)]
        if delimiter not in fitting and len(fitting) == 1:
            delimiter = fitting[0]
            notes = (f"{source}: columns are separated by {delimiter!r}; set data.delimiter if that is wrong",)
        elif not fitting:
            # the names in the error should be those that the file really has
            delimiter = max(DELIMITERS, key=lambda mark: (len(_names(header, mark)), mark == delimiter))
    names = _names(header, delimiter)
    require_columns(names, columns, source)
    literal = delimiter == "\t" and _is_literal(text, names.index(columns.text), len(names))
    rows = _split_lines(text, delimiter) if literal else _parse(text, delimiter, source)
    return Rows(**vars(pick(_checked(rows, names, delimiter, source), names, columns, source)) | {"notes": notes})


def _names(header: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([header], delimiter=delimiter, strict=True))]
    except csv.Error:
        return [name.strip() for name in header.split(delimiter)]


def _split_lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Return the fields of each line that is not empty, with its number; quotes are ordinary characters."""
    return ((n, line.split(delimiter)) for n, line in enumerate(text.split("\n"), start=1) if line)


def _parse(text: str, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Return the fields of each CSV record that is not empty, with the number of its last line."""
    # Strict, because a quote that is never closed would otherwise swallow the rest of the file as one text.
    limit = csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise UserError(f"{source}: damaged near line {reader.line_num} ({error}); repair or remove it") from error
    finally:
        csv.field_size_limit(limit)


def _checked(
    rows: Iterable[tuple[int, list[str]]], names: list[str], delimiter: str, source: str
) -> Iterator[dict[str, str]]:
    """Return each row by the names of its columns, without the header and its copies inside concatenated files.

    Raises:
        UserError: a row with another number of fields than the header, with its line.
    """
    for place, (line, fields) in enumerate(rows):
        if place == 0 or (len(names) > 1 and [field.strip() for field in fields] == names):
            continue
        if len(fields) != len(names):
            more = len(fields) > len(names)
            advice = f"put a text that holds {delimiter!r} in quotes" if more else "complete the row"
            raise UserError(
                f"{source}: line {line} has {len(fields)} fields, but the header has {len(names)}; {advice}, "
                "or set data.delimiter"
            )
        yield dict(zip(names, fields, strict=True))


def _is_literal(text: str, column: int, width: int) -> bool:
    """Whether the quotes of a TSV file are part of its texts, as in most data sets of the field.

    They are if every line has all its fields, unless the quoted fields look like the output of a CSV writer: every
    quote is closed, and either some inner quote is doubled or every text is in quotes.
    """
    lines = [line.split("\t") for line in text.split("\n") if line][1:]
    if any(len(fields) != width for fields in lines):
        return False
    quoted = [field for fields in lines for field in fields if field.startswith('"')]
    if not all(QUOTED.fullmatch(field) for field in quoted):
        return True
    doubled = any('""' in field[1:-1] for field in quoted)
    everywhere = all(fields[column].startswith('"') for fields in lines if fields[column])
    return not (doubled or everywhere)


def read_jsonl(raw: bytes, columns: Columns, source: str) -> Rows:
    """Read JSON lines: an object per line."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(decode(raw, source).split("\n"), start=1):
        if line.strip():
            row = _json(line, f"{source}: line {number}")
            if not isinstance(row, dict):
                raise UserError(f"{source}: line {number} is not a JSON object; give one object per line")
            rows.append(row)
    return _pick_objects(rows, columns, source)


def read_json(raw: bytes, columns: Columns, source: str) -> Rows:
    """Read a JSON array of objects or of strings; an object per line is read as JSON lines."""
    text = decode(raw, source)
    if not text.lstrip().startswith("["):
        return read_jsonl(raw, columns, source)
    rows = _json(text, source)
    if rows and all(isinstance(row, str) for row in rows) and not columns.labels:
        return Rows(rows, notes=columns.unused("an array of strings", source, named=False))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            kind = type(row).__name__
            raise UserError(f"{source}: item {number} is {kind}; give an array of objects with '{columns.text}'")
    return _pick_objects(rows, columns, source)


def _json(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        long = "a number of thousands of digits" if "integer string conversion" in str(error) else str(error)
        reason = getattr(error, "msg", long)
        raise UserError(f"{where} is not JSON ({reason}); repair or remove it") from error


def _pick_objects(rows: list[dict[str, Any]], columns: Columns, source: str) -> Rows:
    if not rows:
        raise UserError(f"{source}: the file is empty; give one object per line, with the text in '{columns.text}'")
    found = pick(rows, dict.fromkeys(key for row in rows for key in row), columns, source)
    return replace(found, notes=columns.unused("a JSON file", source, named=True))


def read_parquet(raw: bytes, columns: Columns, source: str) -> Rows:
    """Read the wanted columns of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(io.BytesIO(raw)).names
        require_columns(names, columns, source)
        rows = pq.read_table(io.BytesIO(raw), columns=columns.names).to_pylist()
    except pa.ArrowInvalid as error:
        raise UserError(f"{source}: not a Parquet file; write it again or give another format") from error
    found = pick(rows, names, columns, source)
    return replace(found, notes=columns.unused("a Parquet file", source, named=True))
