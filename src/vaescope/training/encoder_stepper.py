"""EncoderStepper: extra encoder steps before each step of the decoder, while q(z|x) lags behind p(z|x)."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean
from typing import Any

from torch import nn

from vaescope.errors import UserError
from vaescope.model.vae import TransformerVAE
from vaescope.objectives.encoder_steps import EncoderSteps


class EncoderStepper:
    """Make the extra steps that ``EncoderSteps`` describes, and drop the gradients of the other side.

    The optimiser does not change a parameter without a gradient, nor its moments. Without extra steps every method does
    nothing.

    Raises:
        UserError: the encoder shares parameters with the decoder, so it cannot move alone.
    """

    def __init__(self, options: EncoderSteps, model: TransformerVAE) -> None:
        self.options = options
        self.active = options.most > 0
        self.information = -math.inf
        self.taken = 0
        self.inference, self.generation = _sides(model) if self.active else ([], [])

    def run(self, step: Callable[[int], float]) -> None:
        """Call ``step`` (k -> loss) until a group of steps is on average no better than the previous group, at most
        ``most`` times."""
        before, k = math.inf, 0
        while self.active and k < self.options.most:
            size = min(self.options.burst, self.options.most - k)
            now = fmean(step(k + i) for i in range(size))
            k += size
            self.taken += size
            if now >= before:
                break
            before = now

    def leave_to_encoder(self) -> None:
        """Drop all gradients except those of the encoder."""
        _forget(self.generation)

    def leave_to_decoder(self) -> None:
        """Drop the gradient of the encoder while it has its own steps."""
        if self.active:
            _forget(self.inference)

    def observe(self, validation: dict[str, float]) -> None:
        """End the extra steps where the information on the validation texts has stopped growing."""
        if self.active:
            before, self.information = self.information, validation["mutual_information"]
            self.active = self.information > before

    def line(self) -> dict[str, Any]:
        """Return what to log: the number of extra steps so far, where there are any."""
        return {"encoder_steps": self.taken} if self.options.most else {}

    def state_dict(self) -> dict[str, Any]:
        """Return what to save."""
        return {"active": self.active, "information": self.information, "taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what was saved."""
        self.active, self.information, self.taken = state["active"], state["information"], state["taken"]


def _sides(model: TransformerVAE) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters of q(z|x), and all others."""
    if model.encoder is None:
        raise UserError("a language model has no encoder to update first; use the objective 'language_model'")
    inference = [*model.encoder.parameters(), *model.posterior_head.parameters()]
    shared = {id(p) for p in inference} & {id(p) for p in model.decoder.parameters()}
    if shared:
        raise UserError("the encoder shares parameters with the decoder and cannot move alone; set model.tie=false")
    own = {id(p) for p in inference}
    return inference, [p for p in model.parameters() if id(p) not in own]


def _forget(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = None
