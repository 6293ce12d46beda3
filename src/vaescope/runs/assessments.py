"""The files of a run's assessments: one for each split and each kept model."""

from __future__ import annotations

from pathlib import Path


def assessment_name(split: str, checkpoint: str = "model") -> str:
    """Return the name of the assessment of a split, without its ending.

    >>> assessment_name("valid"), assessment_name("test"), assessment_name("test", "pareto/step-500")
    ('assessment', 'assessment-test', 'assessment-step-500-test')
    """
    base = "assessment" if checkpoint == "model" else f"assessment-{Path(checkpoint).name}"
    return base if split == "valid" else f"{base}-{split}"


def assessed_splits(folder: Path) -> list[str]:
    """Return the splits that the final model of a run is assessed on, in the order ``valid``, ``test``, ``train``.

    >>> assessed_splits(Path("nowhere"))
    []
    """
    return [split for split in ("valid", "test", "train") if (folder / f"{assessment_name(split)}.json").exists()]
