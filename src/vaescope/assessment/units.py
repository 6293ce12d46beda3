"""The units of texts: words if they are separated by white space, else characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""

LONGEST_SEGMENTED = 3.0
"""Mean characters per word, for texts in such a script, up to which words count as separated by spaces."""

LONGEST_WORD = 25.0
"""Mean characters per word, in any script, beyond which texts are not made of words (DNA, base64)."""

Split = Callable[[str], list[str]]


def words(text: str) -> list[str]:
    """Split a text at white space."""
    return text.split()


def characters(text: str) -> list[str]:
    """Return the characters of a text, without white space."""
    return [letter for letter in text if not letter.isspace()]


def unit_of(texts: Sequence[str]) -> tuple[str, Split]:
    """Return the unit of texts, ``word`` or ``character``, and the function that splits a text into them.

    >>> [unit_of([text])[0] for text in ("the red cat", "我喜欢吃苹果", "我 喜欢 吃 苹果", "acgt" * 20)]
    ['word', 'character', 'word', 'character']
    """
    joined = "".join(texts)
    letters = len(characters(joined))
    per_word = letters / max(sum(len(text.split()) for text in texts), 1)
    unspaced = len(UNSPACED.findall(joined)) > letters / 2
    if per_word > (LONGEST_SEGMENTED if unspaced else LONGEST_WORD):
        return "character", characters
    return "word", words
