"""Texts from files: plain text (a text per line) or a column of CSV, TSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vaescope.errors import UserError, unknown

NAMES = {"train": ("train",), "valid": ("valid", "validation", "val", "dev"), "test": ("test",)}
"""The names that a file of each split may have."""


def read_files(path: Path, column: str) -> dict[str, list[str]]:
    """Return the texts by split: a folder holds train, valid and test, a single file only train.

    Raises:
        UserError: no such file, a folder without a training file, or a file that cannot be read.
    """
    if path.is_file():
        return {"train": read_file(path, column)}
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder; give a text file, or a folder with train.txt")
    found = {split: _find(path, names) for split, names in NAMES.items()}
    if found["train"] is None:
        raise UserError(f"{path}: no training file; name it train.txt (or {', '.join(_train_names()[1:])})")
    return {split: read_file(file, column) for split, file in found.items() if file is not None}


def read_file(file: Path, column: str) -> list[str]:
    """Return the texts of one file, whose ending tells its format.

    Raises:
        UserError: an unknown ending, not UTF-8, damaged, or without the column.
    """
    if file.suffix.lower() not in READERS:
        raise UserError(f"{file}: unknown kind of file; give one of {', '.join(READERS)}")
    try:
        return READERS[file.suffix.lower()](file, column)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error}); check the file and its rights") from error


def pick(rows: Iterable[Mapping[str, Any]], columns: Iterable[str], column: str, source: str) -> list[str]:
    """Return the texts in ``column`` of ``rows``; a missing value counts as a blank text.

    Raises:
        UserError: no such column (with the nearest), or a value that is not a string.
    """
    columns = list(columns)
    if column not in columns:
        raise UserError(f"{source}: {unknown('column', column, columns)}; set data.column")
    texts = []
    for number, row in enumerate(rows, start=1):
        value = row.get(column)
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            raise UserError(f"{source}: column '{column}' holds {kind} in row {number}, not text; set data.column")
        texts.append(value or "")
    return texts


def _read_lines(file: Path, column: str) -> list[str]:
    return _text(file).removesuffix("\n").split("\n")


def _read_csv(file: Path, column: str) -> list[str]:
    return _read_table(file, column, delimiter=",")


def _read_tsv(file: Path, column: str) -> list[str]:
    return _read_table(file, column, delimiter="\t")


def _read_table(file: Path, column: str, *, delimiter: str) -> list[str]:
    # Strict, because a quote that is never closed would otherwise swallow the rest of the file as one text.
    reader = csv.DictReader(io.StringIO(_text(file)), delimiter=delimiter, strict=True)
    try:
        return pick(reader, reader.fieldnames or (), column, str(file))
    except csv.Error as error:
        raise UserError(f"{file}: damaged near line {reader.line_num} ({error}); mend or remove it") from error


def _read_jsonl(file: Path, column: str) -> list[str]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(_text(file).split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{file}: line {number} is not JSON ({error.msg}); mend or remove it") from error
            if not isinstance(row, dict):
                raise UserError(f"{file}: line {number} is not a JSON object; give one object per line")
            rows.append(row)
    columns = dict.fromkeys(key for row in rows for key in row)
    return pick(rows, columns, column, str(file))


def _read_parquet(file: Path, column: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
        rows = pq.read_table(file, columns=[column]).to_pylist() if column in names else []
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}: not a Parquet file; write it again or give another format") from error
    return pick(rows, names, column, str(file))


def _text(file: Path) -> str:
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{file}: not UTF-8 (line {line}); convert it, for instance with iconv -t utf-8") from error


READERS: dict[str, Callable[[Path, str], list[str]]] = {
    ".txt": _read_lines,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
"""The reader of each ending."""


def _train_names() -> list[str]:
    return [f"train{ending}" for ending in READERS]


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    files = [file for name in names for ending in READERS if (file := folder / f"{name}{ending}").is_file()]
    if len(files) > 1:
        both = " and ".join(file.name for file in files)
        raise UserError(f"{folder}: {both} are the same split; keep one of them")
    return files[0] if files else None
