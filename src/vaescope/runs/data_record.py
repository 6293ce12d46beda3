"""The data of a run: digests of its splits, to detect changed texts, and the place of the texts.

A run may continue with the same texts at another place: ``data.json`` holds their digests.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vaescope.config import DataConfig
from vaescope.corpora.corpus import SPLITS, Corpus
from vaescope.errors import UserError
from vaescope.reading import read_json
from vaescope.writing import write_json

FILE = "data.json"


def record_data(run: Path, config: DataConfig, corpus: Corpus) -> None:
    """Write ``data.json``: the number and the digest of the texts of each split, and the place as an absolute path."""
    splits = {split: {"texts": len(corpus.split(split)), "digest": corpus.digest(split)} for split in SPLITS}
    place = None if config.path is None else str(config.path.expanduser().absolute())
    write_json(run / FILE, {"splits": splits, "place": place})


def has_data_record(run: Path) -> bool:
    """Return whether the run knows the digests of its texts; runs of earlier versions do not."""
    return (run / FILE).exists()


def check_data(run: Path, corpus: Corpus, splits: tuple[str, ...] = SPLITS) -> None:
    """Check that these splits hold the texts that the run was started with; without a record nothing is checked.

    Raises:
        UserError: a split has other texts; the message names it.
    """
    record = _read(run)["splits"] if has_data_record(run) else {}
    for split in splits:
        if split in record and corpus.digest(split) != record[split].get("digest"):
            before, now = record[split].get("texts"), len(corpus.split(split))
            count = f"{before} then, {now} now" if before != now else f"{now}, as then, but not the same"
            raise UserError(
                f"{run}: the {split} texts of {corpus.name} have changed since the run was started ({count}); "
                "bring the old ones back (data.path=PLACE if they are elsewhere), or train in another folder"
            )


def located(run: Path, config: DataConfig) -> DataConfig:
    """Return the data configuration of a run with a path that exists, if there is one.

    A relative path is tried from the working directory, then where it was when the run was started, then from the run
    folder.
    """
    if config.path is None or config.path.expanduser().exists():
        return config
    place = _read(run)["place"] if has_data_record(run) else None
    places = [*([] if place is None else [Path(place)]), run / config.path]
    found = next((path for path in places if path.exists()), None)
    return config if found is None else config.model_copy(update={"path": found})


def _read(run: Path) -> dict[str, Any]:
    try:
        content = read_json(run / FILE)
        content = {"splits": {s: dict(v) for s, v in content["splits"].items()}, "place": content.get("place")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{run / FILE}: damaged; remove it if the data are still those of the run") from error
    return content
