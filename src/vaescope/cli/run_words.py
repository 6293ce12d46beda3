"""The words ``RUN [KEY=VALUE]...`` of a command that assesses a run: its folder, and settings of this assessment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vaescope.examine.examined_run import Examined


@dataclass(frozen=True)
class RunWords:
    """A run, and what this call changes of it.

    Attributes:
        run: the run folder.
        place: where its texts are, if they moved.
        settings: overrides ``assessment.KEY=VALUE``.
    """

    run: Path
    place: Path | None
    settings: tuple[str, ...]

    def load(self, checkpoint: str, control: Path | None) -> tuple[Examined, Examined | None]:
        """Load the run with these settings, and its control, with their texts at ``place`` if it is given."""
        from vaescope.cli.load_and_train import load_run
        from vaescope.config import parse_config
        from vaescope.yaml_file import apply_override

        run, compared = load_run(self.run, checkpoint), None if control is None else load_run(control)
        if self.settings:
            raw = run.config.model_dump(mode="json")
            for override in self.settings:
                apply_override(raw, override)
            run = run.with_config(parse_config(raw, source=str(self.run)))
        if self.place is not None:
            run, compared = (
                run.with_data_at(self.place),
                None if compared is None else compared.with_data_at(self.place),
            )
        return run, compared


def read_words(words: list[str]) -> RunWords:
    """Read ``RUN``, ``data.path=PLACE`` and ``assessment.KEY=VALUE``."""
    run, *others = words
    places = [word.partition("=")[2] for word in others if word.startswith("data.path=")]
    settings = tuple(word for word in others if word.startswith("assessment."))
    if len(others) > len(places) + len(settings) or len(places) > 1 or run.startswith(("data.path=", "assessment.")):
        raise typer.BadParameter(
            f"{' '.join(words)}: give one run folder, then assessment.KEY=VALUE, or data.path=PLACE if its texts moved"
        )
    return RunWords(Path(run), Path(places[0]).expanduser() if places else None, settings)
