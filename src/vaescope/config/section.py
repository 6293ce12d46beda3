"""Base class of the sections of a configuration, and types that several share: seeds, sizes, output folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from vaescope.checks import fits, kinds, shown


class Section(BaseModel):
    """A part of the configuration: no unknown keys, no silent conversions of the wrong type."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_conversion(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if not fits(value, annotation) or value == "":
            raise ValueError(f"give {kinds(annotation)}, not {shown(value)}")
        return value


def _usable(path: Path) -> Path:
    """Return a path with ``~`` as the home folder.

    Raises:
        ValueError: the name contains a NUL byte, or ``~NAME`` is not a user.
    """
    if "\0" in str(path):
        raise ValueError(f"{shown(path)} holds a NUL byte; give another path")
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: no such user; give another path") from error
    # the system cannot resolve FOLDER/.. if FOLDER does not exist yet
    return Path(os.path.normpath(path)) if ".." in path.parts and not path.parent.exists() else path


UsablePath = Annotated[Path, AfterValidator(_usable)]
"""A folder to write to; ``~`` is the home folder."""

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""The seed of random numbers."""

LearningRate = Annotated[float, Field(gt=0, le=100)]
"""A learning rate of AdamW, whose steps are about as large as it."""

Size = Annotated[int, Field(ge=0, le=10_000_000)]
"""Texts of a split of a built-in corpus."""
