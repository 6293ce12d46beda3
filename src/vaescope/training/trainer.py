"""Trainer: the state of a run in training, and what one optimiser step does to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from vaescope.config import RunConfig
from vaescope.corpora.corpus import Corpus, read_corpus
from vaescope.corpora.decode import lost_text
from vaescope.corpora.loader import StepBatches
from vaescope.corpora.split import read_split, read_tokenizer
from vaescope.corpora.tokenized import OVERHEAD, Tokenized
from vaescope.model.backbone import enable_checkpointing
from vaescope.model.build import build_model
from vaescope.model.pass_module import PassModule
from vaescope.objectives.objective import build_objective
from vaescope.randomness import seed_everything
from vaescope.runs.checkpoint import load_checkpoint, save_checkpoint
from vaescope.runs.run_folder import RunFolder
from vaescope.runs.snapshots import take_snapshot
from vaescope.training.encoder_first import EncoderFirst
from vaescope.training.keeper import build_keeper
from vaescope.training.meter import Meter
from vaescope.training.optimiser import build_optimiser, learning_rate
from vaescope.training.precision import autocast_dtype, step_flops
from vaescope.training.trackers import NoTracker, Tracker, build_tracker
from vaescope.training.validation import EarlyStopping, fixed_subset, validate

log = logging.getLogger("vaescope")


class Trainer:
    """Data, model, objective and optimiser of a run, built from its configuration alone.

    All randomness is a function of ``config.seed`` and counters, so a trainer restored at step t goes on bit for bit as
    one that never stopped (on hardware whose kernels are deterministic, which CPUs' are).
    """

    def __init__(self, config: RunConfig, folder: RunFolder, accelerator: Accelerator) -> None:
        self.config, self.folder, self.accelerator = config, folder, accelerator
        settings, device = config.training, accelerator.device
        self.objective = build_objective(config.objective).to(device)
        corpus = read_corpus(config.data)
        self.tokenizer = self._tokenizer(corpus)
        train, valid = (read_split(corpus, config.data, self.tokenizer, split) for split in ("train", "valid"))
        self.notes = [*corpus.notes, *corpus.repeated(), *train.notes, *valid.notes]
        self.notes += lost_text(train, self.tokenizer, f"{corpus.name} (train)")
        seed_everything(config.seed)
        self.model = build_model(config.model, self.tokenizer, config.data.max_length).to(device)
        if settings.gradient_checkpointing:
            enable_checkpointing(self.model.decoder)
        train, valid = self.model.readable(train), self.model.readable(valid)
        self.batches = StepBatches(
            train,
            batch_size=settings.batch_size,
            accumulate=settings.accumulate,
            group_tokens=settings.group_tokens,
            overhead=settings.group_tokens if self.model.packs else OVERHEAD,
            seed=config.seed,
        )
        micro = settings.batch_size // (settings.accumulate * accelerator.num_processes)
        self.objective.refuse_unreachable(dataset_size=len(train), batch_size=micro)
        self.valid = fixed_subset(valid, config)
        self.plain = PassModule(
            self.model,
            samples=settings.samples,
            dataset_size=len(train),
            dtype=autocast_dtype(settings.precision, device, flops=self._pass_flops(train)),
        )
        self.network = accelerator.prepare_model(self.plain).train()
        self.optimiser = build_optimiser(self.model, settings)
        self.learning_rate = learning_rate(settings)
        self.encoder_first = EncoderFirst(self.objective.encoder_steps, self.model)
        self.meter = Meter([*self.objective.terms, "loss", "gradient", "tokens"], device)
        self.stopping = EarlyStopping(settings.patience)
        latent = not self.model.config.is_language_model
        self.keeper = build_keeper(settings.keep, self.objective, folder.path, latent=latent, save=self._save_model)
        self.tracker: Tracker = NoTracker()
        self.step = 0
        self.since = time.perf_counter()

    def _tokenizer(self, corpus: Corpus) -> PreTrainedTokenizerFast:
        with self.accelerator.main_process_first():
            tokenizer = self.folder.load_tokenizer()
            if tokenizer is None:
                tokenizer = read_tokenizer(self.config.data, self.config.tokenizer, corpus)
                self.folder.save_tokenizer(tokenizer)
        return tokenizer

    def _pass_flops(self, train: Tokenized) -> float:
        """Return the FLOPs of a micro-batch of one process; a number of the configuration, whatever the processes."""
        texts = self.config.training.batch_size / self.config.training.accumulate
        tokens = texts * (train.lengths - 1).double().mean().item()
        return step_flops(sum(p.numel() for p in self.model.parameters()), tokens)

    def advance(self) -> None:
        """Make one optimiser step: the gradient of the mean over its texts, then one step of the multipliers.

        Terms that are no mean over texts (free_bits) are evaluated in each micro-batch and averaged.
        """
        self.encoder_first.run(self._encoder_step)
        values = self._gradient(self.step)
        self.encoder_first.leave_to_decoder()
        values[-2] = self._update()
        self.objective.ascend(dict(zip(self.meter.names, values, strict=True)))
        self.step += 1
        self.meter.add(self.step, values)

    def _encoder_step(self, k: int) -> float:
        """Move the encoder alone, for the k-th time in this step, by texts of steps after the last; return the loss."""
        most = self.objective.encoder_steps.most
        values = self._gradient(self.config.training.steps + self.step * most + k)
        self.encoder_first.leave_to_encoder()
        self._update()
        return values[-3].item()

    def _gradient(self, t: int) -> Tensor:
        """Add up the gradient over the texts of step ``t``, of all processes; return the measured values."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        micro_batches = self.batches.step(t, rank=rank, world_size=world)
        values = torch.zeros(len(self.meter.names), device=self.accelerator.device)
        for a, groups in enumerate(micro_batches):
            seed_everything(self.config.seed, t, a * world + rank)
            with nullcontext() if a + 1 == len(micro_batches) else self.accelerator.no_sync(self.network):
                values += self._backward(groups, share=1 / len(micro_batches))
        values = self.accelerator.reduce(values, "mean")
        values[-1] *= world * len(micro_batches)
        return values

    def _update(self) -> Tensor:
        """Step the optimiser by the gradient, clipped; return its norm."""
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.training.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group.get("share", 1.0) * self.learning_rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad()
        return norm

    def _backward(self, groups: list[Any], share: float) -> Tensor:
        """Add the gradient of a micro-batch; return its share of the measured values."""
        pass_ = self.network([batch.to(self.accelerator.device) for batch in groups])
        loss = self.objective(pass_, self.step)
        # an objective that never asks for p(z) must still reach the parameters of a learned prior: DDP waits for them
        self.accelerator.backward(share * (loss.total + 0 * pass_.log_p_z.sum()))
        tokens = pass_.tokens.sum()
        return share * torch.stack([*loss.terms.values(), loss.total.detach(), 0 * tokens, tokens]).float()

    def log(self) -> dict[str, Any]:
        """Write the means since the last log line."""
        steps = self.meter.count
        self.meter.check()
        values = self.meter.read()
        now = time.perf_counter()
        seconds, self.since = now - self.since, now
        tokens, texts = values.pop("tokens") * steps, self.config.training.batch_size * steps
        line = {
            **self._head("train"),
            **values,
            "weights": self.objective.weights(self.step - 1),
            "multipliers": {name: value.item() for name, value in self.objective.multipliers.items()},
            "learning_rate": self.learning_rate(self.step - 1),
            "texts_per_second": texts / seconds,
            "tokens_per_second": tokens / seconds,
            **self.encoder_first.line(),
        }
        self._write(line)
        return line

    def validate(self) -> dict[str, Any]:
        """Write the validation, and remember whether it is the best."""
        self.meter.check()
        values = validate(
            self.plain,
            self.objective,
            self.valid,
            seed=self.config.seed,
            last_step=self.config.training.steps - 1,
        )
        # The processes must agree to the last bit on when to stop.
        values = {k: self.accelerator.reduce(self._scalar(v), "mean").item() for k, v in values.items()}
        self.encoder_first.observe(values)
        improved = self.stopping.improved(self.step, values["objective"], met=self.objective.met(values))
        if improved and self.stopping.patience is not None:
            self._save_model()
        line = {**self._head("validation"), **values, "best_step": self.stopping.best_step}
        self._write(line)
        return line

    def note(self, found: Mapping[str, Any], validation: Mapping[str, Any]) -> None:
        """Write what somebody else found out about the model at this step; keep the model if it is on the front."""
        if found:
            self._write({**self._head("assessment"), **found})
        if self.accelerator.is_main_process:
            self.keeper.offer(self.step, {**validation, **found}, self.objective.unmet(dict(validation)))

    def snapshot(self) -> None:
        """Save q(z|x) of the validation texts, if the step is one of those chosen for it."""
        if self.step in self.config.training.snapshots and self.accelerator.is_main_process:
            self.meter.check()
            take_snapshot(self.model, self.valid, step=self.step, seed=self.config.seed).save(self.folder.path)

    def _scalar(self, value: float) -> Tensor:
        return torch.tensor(value, device=self.accelerator.device)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"kind": kind, "step": self.step, "epoch": self.step / self.batches.steps_per_epoch}

    def _write(self, line: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            self.folder.log(line)
            scalars = {k: v for k, v in line.items() if isinstance(v, float)}
            for group in ("weights", "multipliers"):
                scalars |= {f"{group}/{k}": v for k, v in line.get(group, {}).items()}
            self.tracker.log({f"{line['kind']}/{k}": v for k, v in scalars.items()}, self.step)

    def save(self) -> None:
        """Write the checkpoint; never one with a number that is not finite."""
        self.meter.check()
        if self.accelerator.is_main_process:
            state = {
                "step": self.step,
                "optimiser": self.optimiser.state_dict(),
                "objective": self.objective.state_dict(),
                "meter": self.meter.state_dict(),
                "stopping": self.stopping.state_dict(),
                "encoder_first": self.encoder_first.state_dict(),
                "keeper": self.keeper.state_dict(),
            }
            save_checkpoint(self.folder.checkpoint, self.model, state)
            self.keeper.checkpointed()
        self.accelerator.wait_for_everyone()

    def restore(self) -> None:
        """Load the checkpoint, if there is one, and forget what was logged after it."""
        state = load_checkpoint(self.folder.checkpoint, self.model)
        if state is not None:
            self.optimiser.load_state_dict(state["optimiser"])
            self.objective.load_state_dict(state["objective"])
            self.meter.load_state_dict(state["meter"])
            self.stopping.load_state_dict(state["stopping"])
            self.encoder_first.load_state_dict(state["encoder_first"])
            # a checkpoint from before there was a keeper is one of a run that keeps nothing
            self.keeper.load_state_dict(state.get("keeper", self.keeper.state_dict()))
            self.step = state["step"]
            log.info("%s: resumed at step %d", self.folder.path, self.step)
        elif self.accelerator.is_main_process:
            for note in self.notes:
                log.warning("%s", note)
        if self.accelerator.is_main_process:
            self.folder.cut_metrics(self.step)
            self.keeper.checkpointed()
            dump = self.config.model_dump(mode="json")
            self.tracker = build_tracker(self.config.training.tracker, self.folder.path, dump, self.step)
        self.since = time.perf_counter()

    def finish(self) -> dict[str, Any]:
        """Write the weights, unless the best are already there, and say which they are."""
        best = self.stopping.patience is not None and self.stopping.best_step > 0
        if not best:
            self._save_model()
        if self.accelerator.is_main_process:
            self.keeper.checkpointed()
        self.tracker.close()
        weights = f"best validation objective, step {self.stopping.best_step}" if best else f"last, step {self.step}"
        reason = "no improvement" if self.stopping.over else "all steps done"
        status = {"finished": True, "step": self.step, "reason": reason, "weights": weights}
        return status | {"warnings": self._warnings(self.stopping.best_step if best else self.step)}

    def _warnings(self, step: int) -> list[str]:
        """Return what the validation at the step of the saved weights says against them."""
        lines = [line for line in self.folder.metrics("validation") if line["step"] == step]
        found = self.objective.unmet(lines[-1]) if lines else []
        for warning in found:
            log.warning("%s: %s", self.folder.path, warning)
        return found

    def _save_model(self, name: str = "model") -> None:
        if self.accelerator.is_main_process:
            self.folder.save_model(self.model, self.tokenizer, name)
