"""Run folders, and the split that a comparison is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vaescope.errors import UserError
from vaescope.runs.assessments import assessed_splits


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run."""
    return (folder / "config.yaml").exists() or any(folder.glob("assessment*.json"))


def inside(folder: Path) -> list[Path]:
    """Return the run folders in a folder, for instance in a study."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and is_run(path))


def common_split(paths: Sequence[Path]) -> str:
    """Return the split that all runs are assessed on: the first of ``valid``, ``test``, ``train`` if several.

    Runs of a study without any assessment are ignored.

    Args:
        paths: run folders, or folders of runs.

    Raises:
        UserError: no run is assessed, or there is no split that all are assessed on.

    >>> common_split([])
    'valid'
    """
    found: dict[Path, list[str]] = {}
    for path in paths:
        if not path.is_dir() or is_run(path):
            found[path] = assessed_splits(path)
        else:
            found |= {run: splits for run in inside(path) if (splits := assessed_splits(run))}
    common = [split for split in ("valid", "test", "train") if all(split in splits for splits in found.values())]
    if common:
        return common[0]
    without = next((run for run, splits in found.items() if not splits), None)
    if without is not None:
        # reading the run names what is missing, a folder or an assessment
        others = [splits[0] for splits in found.values() if splits]
        return others[0] if others else "valid"
    each = "; ".join(f"{run.name}: {', '.join(splits)}" for run, splits in found.items())
    raise UserError(f"no split that all runs are assessed on ({each}); use vaescope assess RUN --split SPLIT")


def there_are(folders: Sequence[Path]) -> str:
    """Say which splits runs are assessed on, as the end of an error."""
    found = sorted({split for folder in folders for split in assessed_splits(folder)})
    return f" (assessed on {' and '.join(found)}; choose one by --split)" if found else ""
