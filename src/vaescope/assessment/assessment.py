"""Assessment: the estimates and findings of one sweep, and their file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaescope.assessment import verdict as verdicts
from vaescope.assessment import views
from vaescope.assessment.findings import Finding
from vaescope.checks import fits, kinds, shown
from vaescope.errors import UserError, unknown
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.per_text import PerText
from vaescope.reading import read_json
from vaescope.writing import whole_file, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Assessment:
    """What is known about a model from one sweep.

    Attributes:
        estimates: the numbers by name.
        findings: the judgements, worst first.
        skipped: why a diagnostic did not run, by name.
        metadata: sizes, thresholds, versions, and the origin of the draws (split, run, seed).
        figures: the pictures of the diagnostics by name.
        per_text: the numbers of each text, for comparisons of models; not part of the JSON.
    """

    estimates: dict[str, Estimate]
    findings: list[Finding]
    skipped: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict, repr=False)
    per_text: PerText | None = field(default=None, repr=False)

    @property
    def collapsed(self) -> bool:
        """Whether z carries nothing."""
        return verdicts.is_collapsed(self.findings)

    @property
    def verdict(self) -> str:
        """The verdict on the model: FAIL, WARN, UNRESOLVED, PASS, or BASELINE for a language model."""
        return verdicts.verdict(self.findings)

    @property
    def badges(self) -> dict[str, verdicts.Badge]:
        """The answers to the three questions: ``use``, ``fit`` and ``trust``."""
        return verdicts.badges(self.findings)

    @property
    def headline(self) -> str:
        """One sentence on the model."""
        return verdicts.headline(self.estimates, self.findings, self.metadata)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``assessment.json``; what is not a finite number becomes null."""
        content = {
            "verdict": self.verdict,
            "headline": self.headline,
            "badges": {name: badge.answer for name, badge in self.badges.items()},
            "estimates": {name: estimate.to_json() for name, estimate in self.estimates.items()},
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": self.skipped,
            "metadata": self.metadata,
        }
        return _finite(content)

    def save(self, folder: Path | str, *, name: str = "assessment", figures: Iterable[str] = ("svg",)) -> Path:
        """Write ``NAME.json``, ``NAME-texts.safetensors`` and, into ``NAME-figures``, each figure in each format."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        if self.per_text is not None:
            self.per_text.save(folder / f"{name}-texts.safetensors")
        for diagnostic, figure in self.figures.items():
            for suffix in figures:
                target = folder / f"{name}-figures" / f"{diagnostic}.{suffix}"
                target.parent.mkdir(exist_ok=True)
                with whole_file(target) as new:
                    figure.savefig(new)
        # written last, so that its existence means that the assessment is complete
        write_text(path, json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n")
        return path

    @classmethod
    def load(cls, path: Path | str, *, name: str = "assessment") -> Assessment:
        """Read what ``save`` wrote, except the figures; without ``NAME-texts.safetensors`` there is no ``per_text``.

        Args:
            path: the file ``NAME.json``, or the folder that it is in.
            name: NAME, where a folder is given.

        Raises:
            UserError: no such file, or not a file of an assessment.
        """
        path = Path(path) if Path(path).suffix == ".json" else Path(path) / f"{name}.json"
        texts = path.with_name(f"{path.stem}-texts.safetensors")
        try:
            content = read_json(path)
            return cls(
                estimates={name: _estimate(fields) for name, fields in content["estimates"].items()},
                findings=[Finding.from_json(fields) for fields in content["findings"]],
                skipped=_checked(content["skipped"], dict[str, str]),
                metadata=_counted(_checked(content["metadata"], dict[str, Any])),
                per_text=PerText.load(texts) if texts.exists() else None,
            )
        except UserError:
            raise
        except OSError as error:
            raise UserError(f"{path}: no such assessment; make it with vaescope assess") from error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UserError(f"{path}: not an assessment ({error}); make it again with vaescope assess") from error

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per estimate for a table: name, value, se, low, high, unit, kind, n."""
        names = ("value", "se", "low", "high", "unit", "kind", "n")
        return [{"name": name, **{k: getattr(e, k) for k in names}} for name, e in self.estimates.items()]

    def __repr__(self) -> str:
        """Return the headline, the verdict and the number of estimates and findings, in a few lines."""
        counts = f"{len(self.estimates)} estimates, {len(self.findings)} findings"
        return f"Assessment({self.verdict}: {self.headline} {counts})"

    def _repr_html_(self) -> str:
        """Return the estimates and findings as tables, for notebooks."""
        return views.as_html(self)

    def summary(self) -> str:
        """Return the headline, the badges, the estimates and the findings that are not PASS, as text of 80 columns."""
        return views.as_text(self)

    def to_dataframe(self) -> DataFrame:
        """Return the estimates as a table of pandas, indexed by name.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise UserError("to_dataframe needs pandas; install it with pip install pandas") from error
        return DataFrame(self.rows()).set_index("name")

    def plot(self, name: str) -> Figure:
        """Return the figure of a diagnostic.

        Raises:
            UserError: no figure of that name; figures are made by ``assess`` and are not read back from a file.
        """
        if name not in self.figures:
            raise unknown("figure", name, self.figures)
        return self.figures[name]


def _estimate(fields: Any) -> Estimate:
    """Return an estimate of the fields in a file, which any program may have written."""
    numbers = [_checked(fields.get(name), float | None) for name in ("value", "se", "low", "high", "ceiling")]
    _checked([fields.get("unit"), fields.get("kind")], list[str])
    _checked(fields.get("n"), int)
    _checked(fields.get("detail", {}), dict)
    if numbers[1] is None:
        raise ValueError("an estimate without a standard error")
    return Estimate.from_json(fields)


def _counted(metadata: dict[str, Any]) -> dict[str, Any]:
    """Refuse numbers of texts and samples that are none."""
    for name in ("texts", "samples"):
        _checked(metadata.get(name, 0), int)
    return metadata


def _checked(value: Any, annotation: Any) -> Any:
    if not fits(value, annotation):
        raise ValueError(f"{shown(value)} where {kinds(annotation)} is needed")
    return value


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content if isinstance(content, str | int | float | bool | None) else str(content)
