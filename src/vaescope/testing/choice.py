"""ChoiceContract: what every choice of any kind must satisfy."""

from __future__ import annotations

import inspect
from typing import ClassVar

from vaescope import choices


class ChoiceContract:
    """A choice explains itself in one line, and each of its options is an annotated keyword with a default.

    Attributes:
        kind: the kind of the choices, a key of ``vaescope.choices.KINDS``.
    """

    kind: ClassVar[str]

    def test_explains_itself_in_one_line(self, name: str) -> None:
        """The first paragraph of the docstring is a sentence of at most 160 characters."""
        summary = choices.summary(self.kind, name)
        assert 10 < len(summary) <= 160, f"{len(summary)} characters: {summary}"
        assert summary.endswith((".", "?")), f"not a sentence: {summary}"

    def test_options_are_keywords_with_annotation_and_default(self, name: str) -> None:
        """A configuration may set every keyword-only argument, and none has to be set."""
        for parameter in inspect.signature(choices.load(self.kind, name)).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert parameter.annotation is not parameter.empty, f"{parameter.name} has no annotation"
                assert parameter.default is not parameter.empty, f"{parameter.name} has no default"
