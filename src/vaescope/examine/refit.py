"""refit: fit p(z) to the encodings of the training texts, without changing the rest of the model."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from vaescope.config import parse_config
from vaescope.errors import UserError, unknown
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.evidence.encodings import Encodings
from vaescope.examine.examined_run import Examined
from vaescope.examine.fitted_priors import Candidate, aggregates, flow, mixtures, sampled
from vaescope.model.prior import Prior
from vaescope.runs.run_folder import RunFolder
from vaescope.sweep.encode import encode
from vaescope.sweep.scoring import Progress
from vaescope.writing import check_place, whole_folder, write_json, write_text

FAMILIES = ("mixture", "aggregate", "flow")
"""The densities that can be fitted."""
SAMPLES = 4
"""Samples of each posterior for comparing the densities."""
AS_TRAINED = "as trained"
"""The name of the prior of the run among the candidates."""
COPIED = ("metrics.jsonl", "status.json", "environment.json", "data.json", "front.json")
"""Files of the old run that the new run keeps."""


@dataclass(frozen=True)
class Refit:
    r"""A prior g in place of p(z). Information and distortion do not change, so with R_g = E KL(q(z|x) || g)

    .. math:: ELBO' = ELBO + (R - R_g), \qquad KL(q(z) \| g) = R_g - I, \qquad I \le R_g.

    Attributes:
        chosen: the density with the smallest rate on the validation texts.
        validation: the rate of the validation texts under every density, nats per text; ``as trained`` is R.
        before: R of the held-out texts.
        after: R_g of the held-out texts, which were used neither for the fit nor for the choice.
        gain: R - R_g of the held-out texts, paired by text: the cost of the mismatch of p(z) that a prior can repair.
        training: R_g of the training texts themselves; far below ``after`` if g has memorised them.
    """

    chosen: Candidate
    validation: dict[str, float]
    before: Estimate
    after: Estimate
    gain: Estimate
    training: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, without the density."""
        numbers = {name: getattr(self, name).to_json() for name in ("before", "after", "gain")}
        chosen = {"name": self.chosen.name, "prior": self.chosen.spec}
        return {"chosen": chosen, "validation": self.validation, **numbers, "training": self.training}


@torch.no_grad()
def fit_prior(
    prior: Prior,
    prior_spec: str | dict[str, Any],
    encodings: Mapping[str, Encodings],
    *,
    families: Sequence[str] = ("mixture", "aggregate"),
    components: int = 5_000,
    seed: int = 0,
) -> Refit:
    """Fit densities to the encodings of the training texts, choose on the validation texts, report on the test texts.

    Args:
        prior: p(z) as trained; it competes with the fitted densities.
        prior_spec: the prior as ``model.prior`` gives it.
        encodings: of ``train``, ``valid`` and ``test``. Copies of a test text count as one in the errors.
        families: which of ``FAMILIES`` to try.
        components: at most this many training posteriors in an aggregate; each costs a density per sample of z.
        seed: of samples and starts.

    Raises:
        UserError: an unknown family, or ``flow`` without zuko.
    """
    for family in families:
        if family not in FAMILIES:
            raise unknown("family of priors", family, FAMILIES)
    train = encodings["train"]
    rates = {split: _Rates(prior, encodings[split], split, seed) for split in ("train", "valid", "test")}
    candidates = [Candidate(AS_TRAINED, prior_spec, prior)]
    if "mixture" in families:
        candidates += mixtures(train, seed=seed)
    if "aggregate" in families:
        candidates += aggregates(train, prior, prior_spec, components=components, seed=seed)
    if "flow" in families:
        with torch.enable_grad():
            candidates += flow(train, lambda fitted: rates["valid"].under(fitted).mean().item(), seed=seed)
    for candidate in candidates:
        candidate.prior.to(prior.device)
    validation = {candidate.name: rates["valid"].under(candidate.prior).mean().item() for candidate in candidates}
    chosen = min(candidates, key=lambda candidate: validation[candidate.name])
    before_N, after_N, copies = rates["test"].before, rates["test"].under(chosen.prior), encodings["test"].copies
    return Refit(
        chosen=chosen,
        validation=validation,
        before=mean_of(before_N, unit="nats/text", copies=copies),
        after=mean_of(after_N, unit="nats/text", copies=copies),
        gain=mean_of(before_N - after_N, unit="nats/text", copies=copies),
        training=rates["train"].under(chosen.prior).mean().item(),
    )


class _Rates:
    """KL(q(z|x) || g) of each text of a split for any g, with the same samples of z for every g.

    Attributes:
        before: the rate under the prior as trained, in closed form where there is one, ``[N]``.
    """

    def __init__(self, prior: Prior, encodings: Encodings, split: str, seed: int) -> None:
        q = DiagonalGaussian(encodings.mean.to(prior.device), encodings.std.to(prior.device))
        # one sample per training text is enough, since there are many
        samples = 1 if split == "train" else SAMPLES
        self._z = sampled(encodings, seed=seed, purpose=f"rates of {split}", samples=samples).to(prior.device)
        self._log_p = self._log_prob(prior)
        units = prior.rate(q)
        self.before = (-q.entropy() if units is None else units.sum(-1)).cpu().double()
        if units is None:
            self.before = self.before - self._log_p
        self._prior = prior

    def under(self, density: Prior) -> Tensor:
        """R_g = R - E [log g(z) - log p(z)], whose noise vanishes if the densities agree, ``[N]``."""
        if density is self._prior:
            return self.before
        return self.before - (self._log_prob(density) - self._log_p)

    def _log_prob(self, density: Prior) -> Tensor:
        density.to(self._z.device)
        return density.log_prob(self._z).double().mean(0).cpu()


def refit_run(
    run: Examined,
    out: Path,
    *,
    families: Sequence[str] = ("mixture", "aggregate"),
    components: int = 5_000,
    progress: Progress | None = None,
) -> Refit:
    """Write to ``out`` a run with the same encoder and decoder and a prior that is fitted to the training encodings.

    The folder can be assessed, sampled, compared and explored like any run; ``refit.json`` records its origin and the
    gain. Nothing is written if no fitted density is better than the prior as trained.

    Raises:
        UserError: an existing folder, or the errors of ``find_prior``.
    """
    if out.exists():
        raise UserError(f"{out}: this folder exists; give another --out, or remove it")
    check_place(out)
    found = find_prior(run, families=families, components=components, progress=progress)
    if found.chosen.name != AS_TRAINED:
        save(run, found, out)
    return found


def find_prior(
    run: Examined,
    *,
    families: Sequence[str] = ("mixture", "aggregate"),
    components: int = 5_000,
    progress: Progress | None = None,
) -> Refit:
    """Return the best of the prior of a run and those that are fitted to its training encodings; nothing is written.

    Raises:
        UserError: a language model, or the errors of ``fit_prior``.
    """
    if run.model.config.is_language_model:
        raise UserError(f"{run.folder.path}: a language model has no latent, so there is no prior to refit")
    settings = run.config.assessment
    splits = {split: run.tokenized(split) for split in ("train", "valid", "test")}
    # texts of a known distribution are independent draws, even equal ones
    independent = run.corpus.known is not None or run.corpus.entropy is not None
    encodings = {
        split: replace(
            encode(
                run.model,
                texts,
                group_tokens=settings.group_tokens,
                precision=settings.precision,
                progress=progress,
            ),
            text_id=torch.arange(len(texts)) if independent else texts.text_id,
        )
        for split, texts in splits.items()
    }
    return fit_prior(
        run.model.prior,
        run.config.model.prior,
        encodings,
        families=families,
        components=components,
        seed=run.config.seed,
    )


def save(run: Examined, found: Refit, out: Path) -> None:
    """Write the run with its new prior as a complete folder or not at all."""
    data = run.config.model_dump(mode="json")
    config = parse_config({**data, "out": str(out), "model": {**data["model"], "prior": found.chosen.spec}})
    device, before = run.model.device, (run.model.prior, run.model.config.prior)
    with whole_folder(out) as folder:
        new = RunFolder(folder)
        write_text(folder / "config.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        for name in COPIED:
            if (run.folder.path / name).exists():
                shutil.copy2(run.folder.path / name, folder / name)
        write_json(
            folder / "refit.json", {"run": str(run.folder.path), "checkpoint": run.checkpoint, **found.to_dict()}
        )
        new.save_tokenizer(run.tokenizer)
        try:
            run.model.prior, run.model.config.prior = found.chosen.prior.to(device), found.chosen.spec
            new.save_model(run.model, run.tokenizer)
        finally:
            run.model.prior, run.model.config.prior = before
