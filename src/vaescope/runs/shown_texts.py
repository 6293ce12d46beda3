"""ShownTexts: a few texts of one model, saved next to its numbers so that a page can show them without the model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vaescope.reading import read_json
from vaescope.writing import write_text


@dataclass(frozen=True)
class ShownTexts:
    """Texts that one model generates, given some texts of a split.

    Attributes:
        sources: the input texts.
        samples: texts x ~ p(x|z) with z ~ p(z).
        reconstructions: the greedy text at the posterior mean of each source; empty for a model without z.
        path: greedy texts at equal steps on the line between the codes of the first two sources; empty without z.
    """

    sources: list[str] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    reconstructions: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write the texts as JSON."""
        write_text(path, json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> ShownTexts | None:
        """Read what ``save`` wrote; None if the file is absent or was written by another program.

        >>> ShownTexts.load(Path("nowhere.json")) is None
        True
        """
        try:
            return cls(**read_json(path))
        except (OSError, ValueError, TypeError):
            return None
