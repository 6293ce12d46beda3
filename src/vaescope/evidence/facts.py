"""Facts: knowledge beyond the tensors of a sweep, about the texts, the training and a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from vaescope.errors import UserError


@dataclass(frozen=True)
class Baseline:
    """Negative log-likelihood of a language model on the same texts, nats per text.

    Attributes:
        value: the mean.
        se: its standard error.
        per_text: one number per text (differences are then paired, with small errors), or None.
    """

    value: float = math.nan
    se: float = math.nan
    per_text: list[float] | None = None


@dataclass(frozen=True)
class Facts:
    """Knowledge beyond the tensors; unknown facts are None or empty.

    Attributes:
        strings: the N texts, decoded from their tokens.
        recovered: whether the decoded text equals the original, ``[N]``, bool, or None if unknown.
        recovered_words: the same up to white space, ``[N]``, bool, or None.
        in_train: how many of the texts are also training texts, or None if unknown.
        labels: one label per text, or such a list for each kind of label; an empty label means no label.
        label_ceiling: the accuracy of the best possible classifier of the text.
        label_information: the exact I(X; label) in nats: no code of a text can hold more about its label.
        vocabulary: the number of tokens that the model chooses from: a text of T tokens costs at most T log V nats.
        entropy: the entropy H(X) of the distribution of the texts, nats per text.
        entropy_se: its standard error, 0 if it is exact; used where the draws have no ``log_q_x``.
        multipliers: the last multipliers of each constraint of the training, by its name (``rate>=``).
        language_model_nll: a baseline on the same texts.

    >>> Facts.of({"entropy": 9.5, "run": "runs/mdr-8"}).entropy
    9.5
    """

    strings: list[str] | None = None
    recovered: Tensor | None = None
    recovered_words: Tensor | None = None
    in_train: int | None = None
    labels: list[str] | Mapping[str, list[str]] | None = None
    label_ceiling: float | None = None
    label_information: float | None = None
    vocabulary: int | None = None
    entropy: float | None = None
    entropy_se: float = 0.0
    multipliers: Mapping[str, list[float]] = field(default_factory=dict)
    language_model_nll: Baseline | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Facts:
        """Return the facts among the metadata of draws; other entries are ignored.

        Raises:
            UserError: an entry of a wrong form.
        """
        given = metadata.get("language_model_nll")
        return cls(
            strings=_strings(metadata.get("strings"), "strings"),
            recovered=_flags(metadata.get("recovered"), "recovered"),
            recovered_words=_flags(metadata.get("recovered_words"), "recovered_words"),
            in_train=_count(metadata.get("in_train"), "in_train", "texts"),
            labels=_labels(metadata.get("labels")),
            label_ceiling=_number(metadata, "label_ceiling", most=1.0),
            label_information=_number(metadata, "label_information"),
            vocabulary=_count(metadata.get("vocabulary"), "vocabulary", "tokens"),
            entropy=_number(metadata, "entropy"),
            entropy_se=_number(metadata, "entropy_se") or 0.0,
            multipliers=_multipliers(metadata.get("multipliers", {})),
            language_model_nll=None if given is None else _baseline(given),
        )

    def as_metadata(self) -> dict[str, Any]:
        """Return the facts that are known as values that JSON can hold; ``of`` reads them again.

        >>> Facts.of(Facts(labels=["a", "b"], entropy=2.0).as_metadata())
        Facts(strings=None, recovered=None, recovered_words=None, in_train=None, labels=['a', 'b'], label_ceiling=None,
            label_information=None, vocabulary=None, entropy=2.0, entropy_se=0.0, multipliers={},
            language_model_nll=None)
        """
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        baseline = self.language_model_nll
        if baseline is not None:
            whole = {"value": baseline.value, "se": baseline.se}
            values["language_model_nll"] = whole if baseline.per_text is None else {"per_text": baseline.per_text}
        for name in ("recovered", "recovered_words"):
            values[name] = None if values[name] is None else values[name].tolist()
        return {name: value for name, value in values.items() if value is not None and value != {}}

    @property
    def label_kinds(self) -> dict[str, list[str]]:
        """One label per text for each kind of label; a single list is the kind ``label``."""
        if self.labels is None:
            return {}
        return dict(self.labels) if isinstance(self.labels, Mapping) else {"label": self.labels}

    def with_labels(self, labels: list[str]) -> Facts:
        """Return the facts with other labels, of which no ceiling is known."""
        return replace(self, labels=labels, label_ceiling=None, label_information=None)

    def check(self, texts: int) -> None:
        """Raise a UserError for facts that are not one per text."""
        baseline = None if self.language_model_nll is None else self.language_model_nll.per_text
        labels = {"labels" if kind == "label" else f"labels of {kind}": list(v) for kind, v in self.label_kinds.items()}
        recovered = {"recovered": self.recovered, "recovered_words": self.recovered_words}
        per_text = {"strings": self.strings, "language_model_nll": baseline, **recovered, **labels}
        for name, found in per_text.items():
            if found is not None and len(found) != texts:
                raise UserError(f"'{name}': expected {texts}, one for each text, found {len(found)}")


def _strings(given: Any, name: str) -> list[str] | None:
    if given is not None and not (isinstance(given, list) and all(isinstance(text, str) for text in given)):
        raise UserError(f"metadata '{name}': expected a list of strings, one for each text, found {_short(given)}")
    return given


def _labels(given: Any) -> list[str] | dict[str, list[str]] | None:
    if isinstance(given, Mapping):
        return {str(kind): _strings(labels, f"labels of {kind}") or [] for kind, labels in given.items()}
    return _strings(given, "labels")


def _flags(given: Any, name: str) -> Tensor | None:
    if given is None:
        return None
    if not (isinstance(given, list) and all(isinstance(flag, bool) for flag in given)):
        raise UserError(f"metadata '{name}': expected a list of true and false, found {_short(given)}")
    return torch.tensor(given, dtype=torch.bool)


def _count(given: Any, name: str, of: str) -> int | None:
    if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
        raise UserError(f"metadata '{name}': expected a number of {of}, found {_short(given)}")
    return given


def _short(given: Any) -> str:
    found = repr(given)
    return found if len(found) <= 60 else f"{found[:57]}..."


def _number(metadata: Mapping[str, Any], name: str, most: float = math.inf) -> float | None:
    if name not in metadata:
        return None
    if not _is_number(metadata[name]):
        raise UserError(f"metadata '{name}': expected a finite number, found {metadata[name]!r}")
    if not 0 <= metadata[name] <= most:
        limit = "of at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise UserError(f"metadata '{name}': expected a number {limit}, found {metadata[name]!r}")
    return float(metadata[name])


def _multipliers(given: Any) -> dict[str, list[float]]:
    if not isinstance(given, Mapping):
        raise UserError(f"metadata 'multipliers': expected numbers by constraint, found {given!r}")
    multipliers = {}
    for constraint, numbers in given.items():
        values = numbers if isinstance(numbers, list | tuple) else [numbers]
        if not values or not all(map(_is_number, values)):
            raise UserError(f"metadata 'multipliers', '{constraint}': expected one or more numbers, found {numbers!r}")
        multipliers[constraint] = [float(value) for value in values]
    return multipliers


def _baseline(given: Any) -> Baseline:
    if isinstance(given, Mapping):
        per_text, value, se = given.get("per_text"), given.get("value"), given.get("se")
        if isinstance(per_text, list) and per_text and all(map(_is_number, per_text)):
            return Baseline(per_text=[float(number) for number in per_text])
        if per_text is None and value is not None and se is not None and _is_number(value) and _is_number(se):
            return Baseline(value=float(value), se=float(se))
    raise UserError("metadata 'language_model_nll': expected 'per_text', a number for each text, or 'value' and 'se'")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
