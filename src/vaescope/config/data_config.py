"""Settings of the texts and of their tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from vaescope.config.section import Section, Seed, Size

USED_BY: dict[str, tuple[str, ...]] = {
    "options": ("known",),
    "sizes": ("known",),
    "subset": ("hub",),
    "column": ("path", "hub"),
    "label": ("path", "hub"),
    "delimiter": ("path",),
    "fractions": ("path", "hub"),
    "seed": ("known", "path", "hub"),
}
"""Settings of the data that only some sources use."""


class DataConfig(Section):
    """Where the texts come from: exactly one of ``known``, ``path``, ``hub`` and ``world``."""

    known: str | None = Field(None, description="a built-in corpus with exact truth, for instance topic_pcfg")
    path: Path | None = Field(None, description="a folder with train/valid/test files, or one file")
    hub: str | None = Field(None, description="a data set of the Hugging Face hub, or a local folder of one")
    world: Path | None = Field(None, description="a folder of texts drawn from a language model by vaescope world")
    options: dict[str, Any] = Field(default_factory=dict, description="options of the built-in corpus")
    subset: str | None = Field(None, description="configuration name of the hub data set")
    column: str = Field("text", description="the column with the text in CSV, JSON, Parquet and hub data")
    label: str | list[str] | None = Field(None, description="a column with a label of each text, or several")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="column separator of a CSV file; detected by default"
    )
    sizes: tuple[Size, Size, Size] = Field(
        (20_000, 2_000, 2_000), description="texts per split (train, valid, test) of a built-in corpus"
    )
    fractions: tuple[float, float] = Field(
        (0.1, 0.1), description="shares for valid and test if the source has only one split"
    )
    max_length: int = Field(64, ge=4, le=100_000, description="longest text in tokens, BOS and EOS included")
    too_long: Literal["truncate", "drop", "error"] = Field(
        "truncate", description="what to do with longer texts; their number is always reported"
    )
    seed: Seed = Field(0, description="seed of a built-in corpus and of a split of one file")

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns with labels."""
        return (self.label,) if isinstance(self.label, str) else tuple(self.label or ())

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        given = [name for name in ("known", "path", "hub", "world") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of known, path, hub and world (given: {', '.join(given) or 'none'})")
        for name, sources in USED_BY.items():
            if given[0] not in sources and getattr(self, name) != type(self).model_fields[name].get_default(
                call_default_factory=True
            ):
                raise ValueError(f"{name} has no effect with data.{given[0]}; leave it out")
        return self


class TokenizerConfig(Section):
    """A saved tokenizer, or a byte-level BPE trained on the training texts."""

    path: str | None = Field(None, description="a folder or hub name; by default that of the decoder checkpoint")
    vocab_size: int = Field(8_000, ge=261, le=2_000_000, description="tokens of a BPE trained on the corpus")
