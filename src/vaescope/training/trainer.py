"""Trainer: the state of a training, and the optimiser step that changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor

from vaescope.errors import UserError
from vaescope.model.pass_module import PassModule
from vaescope.randomness import seed_everything
from vaescope.training.encoder_stepper import EncoderStepper
from vaescope.training.goal import Goal
from vaescope.training.measured import Measured
from vaescope.training.meter import Meter
from vaescope.training.optimiser import build_optimiser, learning_rate
from vaescope.training.precision import autocast_dtype, step_flops
from vaescope.training.task import Task
from vaescope.training.validation import EarlyStopping, validate

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter."""


class Stateful(Protocol):
    """A part of the training whose state belongs to a checkpoint."""

    def state_dict(self) -> Any:
        """Return what to save."""

    def load_state_dict(self, state: Any) -> Any:
        """Restore what was saved."""


class Trainer:
    """The state that changes in training: model, optimiser, multipliers, and measurements.

    All randomness is a function of ``config.seed`` and counters, so a trainer restored at step t continues bit for bit
    as if it had never stopped (if the kernels are deterministic, as on CPUs).

    Attributes:
        step: optimiser steps done.
        parts: everything besides the weights and the step that a checkpoint holds, by name; ``state`` saves and
            ``restore`` restores each of them.
    """

    def __init__(self, task: Task, accelerator: Accelerator) -> None:
        self.task, self.accelerator = task, accelerator
        self.model, self.objective, self.settings = task.model, task.objective, task.config.training
        self.plain = PassModule(
            self.model,
            samples=self.settings.samples,
            dataset_size=len(task.train),
            dtype=autocast_dtype(self.settings.precision, accelerator.device, flops=_pass_flops(task)),
        )
        self.network = accelerator.prepare_model(self.plain).train()
        self.optimiser = build_optimiser(self.model, self.settings)
        self.learning_rate = learning_rate(self.settings)
        self.encoder_steps = EncoderStepper(self.objective.encoder_steps, self.model)
        self.meter = Meter(Measured.names(self.objective.terms), accelerator.device)
        self.stopping = EarlyStopping(self.settings.patience)
        self.goal = Goal(self.settings.until)
        self.step = 0
        self.parts: dict[str, Stateful] = {
            "optimiser": self.optimiser,
            "objective": self.objective,
            "meter": self.meter,
            "stopping": self.stopping,
            "goal": self.goal,
            "encoder_steps": self.encoder_steps,
        }

    def advance(self) -> None:
        """Take one optimiser step on the mean over its texts, then one step of the multipliers.

        Terms that are not a mean over texts (free_bits) are evaluated in each micro-batch and averaged.
        """
        self.encoder_steps.run(self._encoder_step)
        measured = self._gradient(self.step)
        self.encoder_steps.leave_to_decoder()
        measured.gradient = self._update()
        self.objective.ascend(measured.terms)
        self.step += 1
        self.meter.add(self.step, measured.stack())

    def validate(self) -> dict[str, float]:
        """Return the terms, the ELBO and the objective on the fixed validation texts.

        Raises:
            UserError: a number of the steps since the last call was not finite.
        """
        self.meter.check()
        values = validate(
            self.plain,
            self.objective,
            self.task.valid,
            seed=self.task.config.seed,
            last_step=self.settings.steps - 1,
        )
        # the processes must agree to the last bit on when to stop
        values = {name: self._agreed(value) for name, value in values.items()}
        self.encoder_steps.observe(values)
        return values

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds besides the weights; never with a number that is not finite.

        Raises:
            UserError: a number was not finite.
        """
        self.meter.check()
        return {"step": self.step, **{name: part.state_dict() for name, part in self.parts.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` returned.

        Raises:
            UserError: the state is not that of such a training; the message names the part.
        """
        for name, part in self.parts.items():
            if name not in state:
                raise UserError(f"the checkpoint has no state of the {name}; train in another folder")
            try:
                part.load_state_dict(state[name])
            except Exception as error:
                reason = " ".join(str(error).split())[:150]
                raise UserError(
                    f"the state of the {name} in the checkpoint does not fit this run ({reason})"
                ) from error
        self._check_moments()
        if any(value.isnan().any() for value in _tensors(state["objective"])):
            raise UserError("the state of the objective in the checkpoint has a multiplier that is not finite")
        if not 0 <= state["step"] <= self.settings.steps:
            raise UserError(f"the checkpoint is of step {state['step']}, and this run has {self.settings.steps} steps")
        self.step = state["step"]

    def _check_moments(self) -> None:
        """Refuse moments of the optimiser that are missing, of another shape, or have a value that is not finite."""
        names: dict[Any, str] = {parameter: name for name, parameter in self.model.named_parameters()}
        for parameter, moments in self.optimiser.state.items():
            for name in MOMENTS:
                moment: Any = moments.get(name) if isinstance(moments, dict) else None
                fits = torch.is_tensor(moment) and (name == "step" or moment.shape == parameter.shape)
                if not fits or not moment.isfinite().all():
                    shape = f"it has shape {list(moment.shape)}" if torch.is_tensor(moment) else "it is missing"
                    raise UserError(
                        f"the state of the optimiser in the checkpoint does not fit {names[parameter]}: of {name} "
                        f"{shape} where {list(parameter.shape)} is needed, or values that are not finite"
                    )

    @property
    def over(self) -> bool:
        """Whether the training ends before its last step: no improvement, or its goal is reached."""
        return self.stopping.over or self.goal.reached

    def look_at(self, found: Mapping[str, Any]) -> None:
        """Compare the numbers of a validation with the goal; those of the first process count."""
        if self.settings.until:
            if self.accelerator.is_main_process:
                self.goal.look(found)
            self.goal.reached = self._agreed(float(self.goal.reached)) > 0

    def wants_to_stop(self, wanted: bool) -> bool:
        """Return whether any process was asked to stop; all processes must call it at the same step."""
        return wanted if self.accelerator.num_processes == 1 else self._agreed(float(wanted)) > 0

    def _agreed(self, value: float) -> float:
        return self.accelerator.reduce(torch.tensor(value, device=self.accelerator.device), "mean").item()

    def _encoder_step(self, k: int) -> float:
        """Update the encoder only, for the k-th time in this step, on texts of steps after the last one; return the
        loss."""
        most = self.objective.encoder_steps.most
        measured = self._gradient(self.settings.steps + self.step * most + k)
        self.encoder_steps.leave_to_encoder()
        self._update()
        return measured.loss.item()

    def _gradient(self, t: int) -> Measured:
        """Add up the gradient over the texts of step ``t``, of all processes; return what was measured."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        micro_batches = self.task.batches.step(t, rank=rank, world_size=world)
        values = torch.zeros(len(self.meter.names), device=self.accelerator.device)
        for a, groups in enumerate(micro_batches):
            seed_everything(self.task.config.seed, t, a * world + rank)
            with nullcontext() if a + 1 == len(micro_batches) else self.accelerator.no_sync(self.network):
                values += self._backward(groups, share=1 / len(micro_batches))
        measured = Measured.unstack(self.objective.terms, self.accelerator.reduce(values, "mean"))
        measured.tokens = measured.tokens * world * len(micro_batches)
        return measured

    def _backward(self, groups: list[Any], share: float) -> Tensor:
        """Add the gradient of a micro-batch; return its share of the measured values."""
        pass_ = self.network([batch.to(self.accelerator.device) for batch in groups])
        loss = self.objective(pass_, self.step)
        # an objective that never asks for p(z) must still reach the parameters of a learned prior: DDP waits for them
        self.accelerator.backward(share * (loss.total + 0 * pass_.log_p_z.sum()))
        total = loss.total.detach()
        return share * Measured(loss.terms, total, torch.zeros_like(total), pass_.tokens.sum()).stack()

    def _update(self) -> Tensor:
        """Step the optimiser by the gradient, clipped; return its norm."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group.get("share", 1.0) * self.learning_rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad()
        return norm


def _tensors(state: Any) -> Iterator[Tensor]:
    """The numbers of a nested state, as tensors."""
    if isinstance(state, Mapping):
        for value in state.values():
            yield from _tensors(value)
    elif isinstance(state, float) or torch.is_tensor(state):
        yield torch.as_tensor(state)


def _pass_flops(task: Task) -> float:
    """Return the FLOPs of a micro-batch of one process; a function of the configuration, not of the processes."""
    tokens = task.micro_batch * (task.train.lengths - 1).double().mean().item()
    return step_flops(sum(p.numel() for p in task.model.parameters()), tokens)
