"""Texts from files: plain text (a text per line) or a column of CSV, TSV, JSON, JSON lines and Parquet."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path

from vaescope.corpora.rows import Columns, Rows
from vaescope.corpora.table_files import decode, read_csv, read_json, read_jsonl, read_parquet, read_tsv
from vaescope.errors import UserError
from vaescope.reading import refuse_device

NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "development", "eval"),
    "test": ("test",),
}
"""Allowed names of the file (or of the hub split) of each split."""

SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})(-[0-9a-f]+)?")
"""The name of one shard of a split, as ``datasets`` writes it."""


def read_files(path: Path, columns: Columns) -> dict[str, Rows]:
    """Return the rows by split: a folder holds train, valid and test, a single file only train.

    Raises:
        UserError: no such file, a folder without a training file, or a file that cannot be read.
    """
    if path.is_file():
        return {"train": read_file(path, columns)}
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder; give a text file, or a folder with train.txt")
    if any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json")):
        raise UserError(f"{path}: a folder that datasets has saved; give it as data.hub instead of data.path")
    found = {split: _find(path, names) for split, names in NAMES.items()}
    if not found["train"]:
        raise UserError(f"{path}: no training file; name it train.txt (or train{', train'.join(list(READERS)[1:])})")
    return {split: Rows.joined([read_file(f, columns) for f in files]) for split, files in found.items() if files}


def read_file(file: Path, columns: Columns) -> Rows:
    """Return the rows of one file, whose ending gives its format; it may be compressed (.gz, .bz2, .xz).

    A file ``NAME.labels`` next to ``NAME.txt``, with a label per line, gives the labels of its texts.

    Raises:
        UserError: an unknown ending, not UTF-8, damaged, or without the column.
    """
    stem, _, _ = _parts(file)
    ending, raw = contents(file)
    rows = READERS[ending](raw, columns, str(file))
    labels_file = file.with_name(f"{stem}.labels")
    if ending != ".txt" or not labels_file.is_file():
        return rows
    labels = decode(_bytes(labels_file, ""), str(labels_file)).removesuffix("\n").split("\n")
    return Rows(
        rows.texts, {"label": _aligned([label.strip() for label in labels], rows.texts, labels_file)}, rows.notes
    )


def training_file(path: Path) -> Path:
    """Return the file of the training texts: the path itself, or that of a folder (of shards the first).

    Raises:
        UserError: no such file, or a folder without one.
    """
    if path.is_file():
        return path
    found = _find(path, NAMES["train"]) if path.is_dir() else []
    if not found:
        raise UserError(f"{path}: no training file in it; give a text file, or a folder with train.txt")
    return found[0]


def contents(file: Path) -> tuple[str, bytes]:
    """Return the ending of a file, without that of its compression, and its decompressed content.

    Raises:
        UserError: an unknown ending, or a file that cannot be read.
    """
    _, ending, packed = _parts(file)
    if ending not in READERS:
        raise UserError(f"{file}: unknown kind of file; give one of {', '.join(READERS)} (or these with .gz)")
    return ending, _bytes(file, packed)


def _read_lines(raw: bytes, columns: Columns, source: str) -> Rows:
    if columns.labels:
        raise UserError(f"{source}: a text file has no columns; put the labels, a line each, into a .labels file")
    notes = columns.unused("a text file", source, named=False)
    return Rows(decode(raw, source).removesuffix("\n").split("\n"), notes=notes)


READERS: dict[str, Callable[[bytes, Columns, str], Rows]] = {
    ".txt": _read_lines,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".json": read_json,
    ".parquet": read_parquet,
}
"""The reader of each ending."""

UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
"""How to decompress each kind of file."""


def _parts(file: Path) -> tuple[str, str, str]:
    """Return the name of a file without endings, its ending, and that of its compression; both in lower case."""
    packed = file.suffix.lower() if file.suffix.lower() in UNPACK else ""
    inner = Path(file.stem) if packed else Path(file.name)
    return inner.stem, inner.suffix.lower(), packed


def _bytes(file: Path, packed: str) -> bytes:
    refuse_device(file)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error}); check the file and its rights") from error
    try:
        return UNPACK[packed](raw)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{file}: not a whole {packed} file ({error}); copy or compress it again") from error


def _aligned(labels: list[str], texts: list[str], file: Path) -> list[str]:
    """Return one label per line of the text file; blank lines need no label."""
    if len(labels) == len(texts):
        return labels
    filled = [i for i, text in enumerate(texts) if text.strip()]
    if len(labels) != len(filled):
        raise UserError(f"{file}: {len(labels)} labels for {len(filled)} texts; give one per line, or move it away")
    all_labels = [""] * len(texts)
    for i, label in zip(filled, labels, strict=True):
        all_labels[i] = label
    return all_labels


def _find(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the file of a split, or its shards in order."""
    whole: list[Path] = []
    shards: dict[tuple[str, int, str], dict[int, Path]] = {}
    for file in sorted(folder.iterdir()):
        stem, ending, _ = _parts(file)
        if ending not in READERS or not file.is_file():
            continue
        if stem.lower() in names:
            whole.append(file)
        elif (match := SHARD.fullmatch(stem)) and match["name"].lower() in names:
            shards.setdefault((match["name"], int(match["total"]), ending), {})[int(match["number"])] = file
    whole.sort(key=lambda file: names.index(_parts(file)[0].lower()))
    found = [file.name for file in whole] + [next(iter(parts.values())).name for parts in shards.values()]
    if len(found) > 1:
        raise UserError(f"{folder}: {' and '.join(found)} are the same split; keep one of them")
    for (name, total, ending), parts in shards.items():
        missing = sorted(set(range(total)) - set(parts))
        if missing:
            lost = f"{name}-{missing[0]:05d}-of-{total:05d}{ending}"
            raise UserError(f"{folder}: {lost} is missing ({len(parts)} of {total} shards are there); add it")
        return [parts[number] for number in range(total)]
    return whole
