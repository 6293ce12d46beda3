r"""Linear maps with a low-rank update: :math:`y = x W^T + b + s\,(x A^T) B^T`, W frozen, A and B trained.

Written with plain operations, autocast converts W in every forward pass (it keeps no copy of what is not trained), the
input is converted to the type of A, and two tensors of the size of y are made. Here W is converted once, the update is
added to the product in place, and the backward pass consists of five matrix products. Where W is converted and A and B
are not trained, as in scoring or with a frozen decoder, :math:`W + s B A` is converted in its place: one product.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaescope.model.kernels.converted import Converted
from vaescope.model.kernels.switch import first_only, is_plain


def low_rank_linear(
    x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, down_RI: Tensor, up_OR: Tensor, scale: float
) -> Tensor:
    r"""Return :math:`x W^T + b + s\,(x A^T) B^T`, ``[..., I] -> [..., O]``, in the type of ``weight_OI``.

    The plain form is the formula itself.

    Args:
        x: inputs, ``[..., I]``, converted to the type of the weight.
        weight_OI: W, which gets no gradient.
        bias_O: b, or None; it gets no gradient.
        down_RI: A, of rank R.
        up_OR: B.
        scale: s.

    >>> x, w, a, b = torch.ones(1, 2), torch.eye(2), torch.ones(1, 2), torch.ones(2, 1)
    >>> low_rank_linear(x, w, None, a, b, 0.5)
    tensor([[2., 2.]])
    """
    if is_plain():
        x, down_RI, up_OR = (part.to(weight_OI.dtype) for part in (x, down_RI, up_OR))
        return F.linear(x, weight_OI, bias_O) + scale * F.linear(F.linear(x, down_RI), up_OR)
    return _LowRank.apply(x, weight_OI, bias_O, down_RI, up_OR, scale)


class _LowRank(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, down_RI: Tensor, up_OR: Tensor, scale: float
    ) -> Tensor:
        dtype = weight_OI.dtype
        x_PI, down, up = x.flatten(0, -2).to(dtype), down_RI.to(dtype), up_OR.to(dtype)
        code_PR = x_PI @ down.mT
        y_PO = F.linear(x_PI, weight_OI, None if bias_O is None else bias_O.to(dtype))
        y_PO.addmm_(code_PR, up.mT, alpha=scale)
        ctx.save_for_backward(x_PI, code_PR, weight_OI, down, up)
        ctx.scale, ctx.shape, ctx.types = scale, x.shape, (x.dtype, down_RI.dtype, up_OR.dtype)
        return y_PO.view(*x.shape[:-1], -1)

    @staticmethod
    @first_only
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, None, None, Tensor | None, Tensor | None, None]:
        x_PI, code_PR, weight_OI, down, up = ctx.saved_tensors
        of_x, of_down, of_up = ctx.types
        gradient_PO = gradient.flatten(0, -2)
        code_gradient_PR = (gradient_PO @ up).mul_(ctx.scale)
        x_gradient = down_gradient = up_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = (gradient_PO @ weight_OI).addmm_(code_gradient_PR, down).view(ctx.shape).to(of_x)
        if ctx.needs_input_grad[3]:
            down_gradient = (code_gradient_PR.mT @ x_PI).to(of_down)
        if ctx.needs_input_grad[4]:
            up_gradient = (code_PR.mT @ gradient_PO).mT.to(of_up).mul_(ctx.scale)
        return x_gradient, None, None, down_gradient, up_gradient, None


@cache
def fast_lora_linear() -> type[nn.Module]:
    """Return the class of peft for a linear map with a low-rank update, computed by ``low_rank_linear``.

    It falls back to peft for everything that the formula does not cover: adapter dropout in training, merged, disabled
    or several adapters, variants, and a base weight that is trained.
    """
    from peft.tuners.lora.layer import Linear

    class FastLoraLinear(Linear):
        """A linear map with one low-rank update."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._converted = Converted()

        def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if args or kwargs or not _is_simple(self):
                return super().forward(x, *args, **kwargs)
            (name,) = self.active_adapters
            base, kind = cast(nn.Linear, self.get_base_layer()), x.device.type
            dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else base.weight.dtype
            down, up = (cast(nn.Linear, part[name]).weight for part in (self.lora_A, self.lora_B))
            still = not (self.training and (down.requires_grad or up.requires_grad))
            if still and dtype != base.weight.dtype and not is_plain():
                # the copy that is needed anyway has the update in it: one product in place of three
                weight = self._converted.with_update(base.weight, down, up, self.scaling[name], dtype)
                return F.linear(x.to(dtype), weight, None if base.bias is None else base.bias.to(dtype))
            weight = self._converted.of(base.weight, dtype)
            return low_rank_linear(x, weight, base.bias, down, up, self.scaling[name])

    return FastLoraLinear


def _is_simple(layer: Any) -> bool:
    base = layer.get_base_layer()
    if type(base) is not nn.Linear or base.weight.requires_grad or layer.disable_adapters or layer.merged:
        return False
    names = layer.active_adapters
    if len(names) != 1 or names[0] not in layer.lora_A or names[0] in layer.lora_variant:
        return False
    silent = isinstance(layer.lora_dropout[names[0]], nn.Identity) or not layer.training
    return silent and not layer.lora_bias[names[0]]
