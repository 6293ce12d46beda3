"""Keys and values of a text being drawn: written in place, and closed up in place when texts end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer
from typing_extensions import override

from vaescope.model.kernels.switch import is_plain

FIRST_ROOM = 16
"""Tokens for which a layer makes room at first; it doubles its room when that is full."""


def drawing_cache(config: PreTrainedConfig) -> DynamicCache:
    """Return the cache of a decoder in which layers that attend to the whole text are ``GrowingLayer``.

    Layers of other kinds (sliding windows, recurrent states) and the plain form keep those of transformers.
    """
    cache = DynamicCache(config=config)
    if not is_plain():
        cache.layers = [GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


class GrowingLayer(DynamicLayer):
    """A layer of a cache that has room for more tokens, and gives the places of ended texts to others.

    The plain form, ``DynamicLayer``, copies all keys and values for every new token, and again when a text ends.

    >>> layer = GrowingLayer()
    >>> keys, values = layer.update(torch.ones(3, 1, 2, 4), torch.zeros(3, 1, 2, 4))
    >>> keys.shape, layer.get_seq_length()
    (torch.Size([3, 1, 2, 4]), 2)
    >>> layer.batch_select_indices(torch.tensor([2, 1]))
    >>> layer.keys.shape
    torch.Size([2, 1, 2, 4])
    """

    keys: Tensor
    values: Tensor
    _room: list[Tensor]

    @override
    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        super().lazy_initialization(key_states, value_states)
        self._room = [states.new_empty(*states.shape[:2], 0, states.shape[3]) for states in (key_states, value_states)]
        self._show(len(key_states), 0)

    @override
    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        rows, before = len(self.keys), self.keys.shape[2]
        after = before + key_states.shape[2]
        if after > self._room[0].shape[2]:
            self._room = [_wider(room[:rows], before, max(FIRST_ROOM, 2 * after)) for room in self._room]
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:rows, :, before:after] = states
        self._show(rows, after)
        return self.keys, self.values

    @override
    def batch_select_indices(self, indices: Tensor) -> None:
        moved = moves(indices)
        for shown in (self.keys, self.values):
            close_up(shown, moved)
        self._show(len(indices), self.keys.shape[2])

    def _show(self, rows: int, tokens: int) -> None:
        self.keys, self.values = (room[:rows, :, :tokens] for room in self._room)


def moves(indices: Tensor) -> tuple[Tensor, Tensor]:
    """Return from where to where rows move when the rows ``indices`` become the first ones.

    >>> moves(torch.tensor([0, 3, 2]))
    (tensor([3]), tensor([1]))
    """
    to = (indices != torch.arange(len(indices), device=indices.device)).nonzero().squeeze(1)
    return indices[to], to


def close_up(rows_N: Tensor, moved: tuple[Tensor, Tensor]) -> None:
    """Move rows of a tensor, as ``moves`` gives them, in place."""
    source, target = moved
    if len(target):
        rows_N[target] = rows_N[source]


def _wider(room: Tensor, tokens: int, width: int) -> Tensor:
    wider = room.new_empty(*room.shape[:2], width, room.shape[3])
    wider[:, :, :tokens] = room[:, :, :tokens]
    return wider
