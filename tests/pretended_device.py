"""A device that is not the CPU, pretended on the CPU: its tensors mix with no others, and reading them is counted.

Its tensors have the device type ``meta`` and hold their numbers in a tensor of the CPU. Inside ``pretended_device``
every operation is checked: a tensor of the CPU that meets one of the device, numbers alone excepted, is an error, as it
is on an accelerator; what waits for the device (``item``, ``nonzero``, copies to the CPU) is counted.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, nullcontext
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_map_only

DEVICE = torch.device("meta")
aten = torch.ops.aten
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal"}
COPIES = {"_to_copy", "copy_"}


class Away(torch.Tensor):
    """A tensor on the pretended device."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=DEVICE, requires_grad=False,
        )  # fmt: skip

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f"Away({tuple(self.shape)})"

    def tolist(self):
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} on the pretended device outside of its context")


class PretendedDevice(TorchDispatchMode):
    """The checks of every operation. ``waits`` counts what waited for it, by operation."""

    def __init__(self):
        super().__init__()
        self.waits = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        tensors = [x for x in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        away = [x for x in tensors if isinstance(x, Away)]
        here = [x for x in tensors if not isinstance(x, Away)]
        wanted = kwargs.get("device")
        if away and name not in COPIES and any(x.dim() for x in here):
            raise AssertionError(f"{func}: a tensor of the CPU, {[tuple(x.shape) for x in here]}, met the device")
        leaves = name == "_to_copy" and wanted is not None and torch.device(wanted).type == "cpu"
        leaves = leaves or (name == "copy_" and not isinstance(args[0], Away))
        if away and (name in WAITING or leaves):
            self.waits[name] += 1
        if wanted is not None:
            kwargs["device"] = torch.device("cpu")
        results = func(*_held(args), **_held(kwargs))
        if results is None:
            return None
        arrives = wanted is not None and torch.device(wanted).type == "meta"
        if (away or arrives) and not leaves:
            results = tree_map_only(torch.Tensor, Away, results)
            return return_and_correct_aliasing(func, args, kwargs, results) if away and not arrives else results
        return args[0] if name == "copy_" else results


@contextmanager
def pretended_device():
    """Yield the device in a context in which tensors can be sent to it.

    Torch has no autocast for it, makes new tensors there without numbers, and has operations arrive before they are
    taken apart in inference mode, which is therefore no_grad here.
    """
    autocast, enabled, tensor = torch.autocast, torch.is_autocast_enabled, torch.tensor
    with (
        mock.patch("torch.autocast", lambda to, *a, **k: nullcontext() if to == "meta" else autocast(to, *a, **k)),
        mock.patch("torch.is_autocast_enabled", lambda *of: of != ("meta",) and enabled(*of)),
        mock.patch("torch.tensor", lambda data, *, device="cpu", **k: tensor(data, **k).to(device)),
        mock.patch.object(torch.inference_mode, "__enter__", torch.no_grad.__enter__),
        mock.patch.object(torch.inference_mode, "__exit__", torch.no_grad.__exit__),
        PretendedDevice() as device,
    ):
        yield device


def _held(values):
    return tree_map_only(Away, lambda x: x.held, values)


def send(module):
    """Move the parameters and buffers of a module to the device; an optimiser that holds them sees them move."""
    for value in module.parameters():
        if not isinstance(value, Away):
            torch.utils.swap_tensors(value, torch.nn.Parameter(Away(value.detach().clone()), value.requires_grad))
    for value in module.buffers():
        if not isinstance(value, Away):
            torch.utils.swap_tensors(value, Away(value.clone()))
    return module
