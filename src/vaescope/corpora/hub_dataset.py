"""Texts from the Hugging Face hub, or from a local folder that ``datasets`` understands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.corpora.files import NAMES
from vaescope.corpora.hub_access import hub_access
from vaescope.corpora.rows import Columns, Rows, pick, require_columns
from vaescope.errors import UserError, looks_like_path, why_not_there


def read_hub(name: str, subset: str | None, columns: Columns) -> dict[str, Rows]:
    """Return the rows by split of the data set ``name``, read with ``datasets``.

    Labels that are stored as numbers get their names if the data set has names for them.

    Raises:
        UserError: no such data set or no network, no training split, or no such column.
    """
    found = _load(name, subset)
    chosen = {split: next((n for n in names if n in found), None) for split, names in NAMES.items()}
    if chosen["train"] is None:
        raise UserError(f"{name}: no split named train (found: {', '.join(found)}); give another data set or subset")
    splits = {split: _rows(found[n], columns, f"{name} ({split})") for split, n in chosen.items() if n is not None}
    if ignored := sorted(set(found) - set(chosen.values())):
        note = f"{name}: not used: {', '.join(ignored)} (splits are named {', '.join(filter(None, chosen.values()))})"
        splits["train"] = Rows(splits["train"].texts, splits["train"].labels, (note,))
    return splits


def _rows(table: Any, columns: Columns, source: str) -> Rows:
    require_columns(table.column_names, columns, source)
    rows = pick(table.select_columns(columns.names), table.column_names, columns, source)
    for name in rows.labels:
        kind = table.features[name]
        if hasattr(kind, "int2str"):
            # -1 means "no label" in data sets of the hub
            rows.labels[name] = [kind.int2str(int(v)) if v and int(v) >= 0 else "" for v in rows.labels[name]]
    return rows


def _load(name: str, subset: str | None) -> dict[str, Any]:
    import datasets

    try:
        if (Path(name) / "dataset_dict.json").is_file():
            return dict(datasets.load_from_disk(name))
        if (Path(name) / "state.json").is_file():
            return {"train": datasets.load_from_disk(name)}
        if Path(name).is_file() or (looks_like_path(name) and not Path(name).is_dir()):
            raise FileNotFoundError(f"{name} is not a folder; give a file or a folder of texts as data.path")
        with hub_access(name):
            return dict(datasets.load_dataset(name, subset))
    except Exception as error:  # datasets raises errors of many libraries; each of them means: not readable
        reason = why_not_there(error)
        raise UserError(
            f"{name}: not readable as a data set ({reason}); check the name, data.subset and the network"
        ) from error
