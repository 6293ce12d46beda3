"""Texts from the Hugging Face hub, or from a local folder that ``datasets`` understands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.corpora.files import NAMES, pick
from vaescope.errors import UserError


def read_hub(name: str, subset: str | None, column: str) -> dict[str, list[str]]:
    """Return the texts by split of the data set ``name``, read with ``datasets``.

    Raises:
        UserError: no such data set or no network, no training split, or no such column.
    """
    found = _load(name, subset)
    splits = {}
    for split, names in NAMES.items():
        present = [n for n in names if n in found]
        if present:
            table = found[present[0]]
            rows = table.select_columns([column]) if column in table.column_names else ()
            splits[split] = pick(rows, table.column_names, column, f"{name} ({split})")
    if "train" not in splits:
        raise UserError(f"{name}: no split named train (found: {', '.join(found)}); give another data set or subset")
    return splits


def _load(name: str, subset: str | None) -> dict[str, Any]:
    import datasets

    try:
        if (Path(name) / "dataset_dict.json").is_file():
            return dict(datasets.load_from_disk(name))
        return dict(datasets.load_dataset(name, subset))
    except Exception as error:  # datasets raises errors of many libraries; each of them means: not readable
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise UserError(
            f"{name}: not readable as a data set ({reason}); check the name, data.subset and the network"
        ) from error
