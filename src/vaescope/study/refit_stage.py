"""A stage that fits a prior to the encodings of the stage before it, in place of training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vaescope.errors import UserError
from vaescope.examine.refit import Refit, find_prior, save
from vaescope.reading import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vaescope.examine.examined_run import Examined
    from vaescope.sweep.scoring import Progress

MODEL = Path("model") / "config.json"


def refit_is_there(out: Path, source: Path) -> bool:
    """Return whether a folder holds the refit of a run as it is now.

    Raises:
        UserError: the folder holds something else, or the refit of older weights.
    """
    if not out.exists() or not any(out.iterdir()):
        return False
    try:
        origin = read_json(out / "refit.json")["run"]
    except (OSError, ValueError, KeyError, TypeError):
        origin = None
    if origin is None or Path(str(origin)).name != source.name or not (out / MODEL).exists():
        raise UserError(f"{out}: not a refit of {source.name}; give another out=FOLDER, or remove it")
    if (source / MODEL).exists() and (source / MODEL).stat().st_mtime > (out / MODEL).stat().st_mtime:
        raise UserError(f"{out}: {source.name} was trained again since; remove this folder to fit its prior again")
    return True


def refit_stage(run: Examined, out: Path, families: Sequence[str], progress: Progress | None = None) -> Refit:
    """Write to ``out`` the run with the best of its prior and the fitted ones, also where that is its own prior.

    Raises:
        UserError: the errors of ``find_prior``.
    """
    found = find_prior(run, families=families, progress=progress)
    save(run, found, out)
    return found
