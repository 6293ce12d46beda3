"""Converted: a frozen matrix in the type in which it is multiplied, kept from one product to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary


class Converted:
    """A frozen matrix in the type in which it is multiplied, converted once and again only where it was changed.

    It costs the memory of the converted copy. It is not a buffer: it is not saved, and it moves with the matrix, since
    a matrix on another device is another one.

    >>> matrix, converted = torch.eye(2), Converted()
    >>> converted.of(matrix, torch.float32) is matrix, converted.of(matrix, torch.bfloat16).dtype
    (True, torch.bfloat16)
    >>> converted.of(matrix, torch.bfloat16) is converted.of(matrix, torch.bfloat16)
    True
    >>> converted.with_update(matrix, torch.ones(1, 2), torch.ones(2, 1), 0.5, torch.bfloat16)[0]
    tensor([1.5000, 0.5000], dtype=torch.bfloat16)
    """

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._copy: Tensor | None = None

    def of(self, matrix: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the matrix in ``dtype``."""
        if matrix.dtype == dtype:
            return matrix
        return self._kept((*_state(matrix), dtype), lambda: matrix.detach().to(dtype))

    def with_update(self, matrix: Tensor, down_RI: Tensor, up_OR: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
        """Return :math:`W + s B A` in ``dtype``, added up in the type of W."""
        key = (*_state(matrix), *_state(down_RI), *_state(up_OR), scale, dtype)
        return self._kept(key, lambda: (matrix + scale * (up_OR @ down_RI)).detach().to(dtype))

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Tensor]) -> Tensor:
        if self._copy is None or self._key != key:
            with torch.inference_mode(False), torch.no_grad(), torch.autocast(key[2].type, enabled=False):
                self._key, self._copy = key, make()
        return self._copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Converted:
        return Converted()

    def __reduce__(self) -> tuple[type[Converted], tuple[()]]:
        return Converted, ()


_KEPT: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""The converted copies of matrices by the matrix; a copy goes when its matrix does."""


def converted(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a frozen matrix in ``dtype``, converted once for all products with it.

    >>> matrix = torch.eye(2)
    >>> converted(matrix, torch.bfloat16) is converted(matrix, torch.bfloat16)
    True
    """
    if matrix.dtype == dtype:
        return matrix
    kept = _KEPT.get(matrix)
    if kept is None:
        kept = _KEPT[matrix] = Converted()
    return kept.of(matrix, dtype)


def _state(matrix: Tensor) -> tuple[int, int, torch.device]:
    """What changes whenever a matrix or its device does."""
    return matrix.data_ptr(), matrix._version, matrix.device
