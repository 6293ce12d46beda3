"""The Python interface: train, assess, refit and compare accept runs, folders or objects.

They join the stages. To use a single stage, import it: ``vaescope.training.loop.train``,
``vaescope.assessment.assess.assess``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from vaescope import choices
from vaescope.arguments import checked, fitting, fitting_options
from vaescope.assessment import assess as stage
from vaescope.assessment.assessment import Assessment
from vaescope.checks import fits, shown
from vaescope.config import RunConfig, parse_config
from vaescope.errors import UserError
from vaescope.evidence.draws import Draws
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.noise_curve import NoiseCurve
from vaescope.evidence.noisy_code import NoisyCode
from vaescope.examine.assess_in_training import validation_assessment
from vaescope.examine.assess_run import assess_run
from vaescope.examine.assess_text_model import assess_text_model
from vaescope.examine.examined_run import Examined
from vaescope.examine.refit import Refit, refit_run
from vaescope.model.latent_space import LatentSpace
from vaescope.report.page import compare as write_page
from vaescope.runs.run_folder import RunFolder
from vaescope.sweep.from_transformers import FromTransformers
from vaescope.sweep.score_codes import score_code
from vaescope.sweep.sweep import sweep
from vaescope.sweep.text_model import Encode, LogLikelihood, Sample, TextModel, words_and_end
from vaescope.training.loop import Progress
from vaescope.training.loop import train as train_loop
from vaescope.yaml_file import apply_override, read_yaml

Run = str | Path | RunFolder


def train(
    config: RunConfig | str | Path | Mapping[str, Any] | None = None,
    *overrides: str,
    progress: Progress | None = None,
    **sections: Any,
) -> RunFolder:
    """Train a model and return its run folder; the same call resumes a run that was interrupted.

    Args:
        config: a configuration, a YAML file, a mapping, or nothing.
        overrides: as on the command line, for instance ``"training.steps=100"``.
        progress: called with the steps done, their total, and a note.
        sections: sections that replace those of ``config``: ``data`` (a mapping, a file, a folder or the name of a
            built-in corpus), ``model``, ``objective``, ``training``, ``assessment``, ``tokenizer``, ``seed``, ``out``.

    Raises:
        UserError: a configuration that is not valid, or a folder that holds another run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train(
    ...         data={"known": "template", "sizes": [64, 16, 16]},
    ...         model={"latent_size": 2},
    ...         training={"steps": 2, "batch_size": 8, "tracker": "none"},
    ...         out=f"{folder}/run",
    ...     )
    ...     run.status["finished"]
    True
    """
    settings = _settings(config, overrides, sections)
    return train_loop(settings, progress=progress, assess=validation_assessment(settings))


def assess(
    subject: Run | Draws | Evidence | LatentSpace | TextModel | FromTransformers,
    texts: Sequence[str] | None = None,
    *,
    split: str | None = None,
    control: Run | None = None,
    **options: Any,
) -> Assessment:
    """Assess a run, a file of draws, draws or evidence, or a loaded model on texts.

    Args:
        subject: a run folder; a file of draws (``.safetensors``); ``Draws`` or ``Evidence``; a model that
            ``vaescope.load`` returned, a ``TextModel`` or a ``FromTransformers``, together with ``texts``.
        texts: the texts of such a model.
        split: for a run; by default the first split of its configuration.
        control: for a run: the run of a language model on the same texts.
        options: for a run those of ``assess_run`` (suite, samples, texts of the split, labels, components); for draws
            those of ``vaescope.assessment.assess.assess`` (suite, diagnostics, also, thresholds); for the file of a
            deterministic code these and ``noise`` or ``noise_distortion``; for a loaded model these and ``samples``;
            for a ``TextModel`` those of ``assess_model``.

    Raises:
        UserError: a subject that cannot be assessed, or an option that does not apply to it.

    >>> from vaescope.evidence.linear_gaussian import LinearGaussian
    >>> model = LinearGaussian.matched(latent_size=2, data_size=3, rate=2.0)
    >>> found = assess(Draws(**model.sample_draws(300)), diagnostics=["rate"])
    >>> found.estimates["rate"].low < 2.0 < found.estimates["rate"].high
    True
    """
    if isinstance(subject, LatentSpace):
        if texts is None:
            raise UserError("a loaded model is assessed on texts: vaescope.assess(vae, texts)")
        evidence = _drawn(subject, texts, options)
        return stage.assess(evidence, **fitting_options(stage.assess, options))
    if isinstance(subject, TextModel | FromTransformers):
        if texts is None:
            raise UserError(f"a {type(subject).__name__} is assessed on texts: vaescope.assess(model, texts)")
        return assess_text_model(subject, texts, **options)
    if texts is not None:
        raise UserError("texts are for a loaded model; a run has its splits, and draws have their own texts")
    if isinstance(subject, Draws | Evidence):
        return _judged(subject, options, split, control)
    path = _path(subject)
    if path.suffix == ".safetensors":
        return _judged(_read(path, options), options, split, control)
    fitting(assess, {"split": split})
    run = Examined.load(path)
    reference = None if control is None else Examined.load(_path(control))
    options = fitting_options(assess_run, options)
    return assess_run(run, split or run.config.assessment.splits[0], control=reference, **options)


@checked
def assess_model(
    texts: Sequence[str],
    encode: Encode,
    log_likelihood: LogLikelihood,
    *,
    sample: Sample | None = None,
    decode: Callable[[Tensor], list[str]] | None = None,
    prior: Any = None,
    count_tokens: Callable[[list[str]], Any] | None = None,
    save: str | Path | None = None,
    **options: Any,
) -> Assessment:
    """Assess any latent variable model of text, given by functions of strings (``TextModel`` says what each is).

    Args:
        texts: held-out texts.
        encode: texts -> mean and standard deviation of q(z|x), ``[B, D]`` each.
        log_likelihood: texts, z ``[S, B, D]`` -> log p(x|z), nats per text, ``[S, B]``.
        sample: z ``[M, D]`` -> texts from p(x|z).
        decode: z ``[M, D]`` -> the greedy texts.
        prior: p(z); None for N(0, I).
        count_tokens: texts -> predicted tokens of each.
        save: a file for all the evidence, which ``vaescope assess --draws FILE`` reads.
        options: ``labels`` (a list, or lists by kind), ``training_texts`` (a list), ``noise`` (a standard deviation of
            q(z|x) for a deterministic code) or ``noise_distortion`` (the nats that it may cost), ``seed``,
            ``progress``; ``suite``, ``samples``, ``texts``, ``simulations``, ``adapted_texts``, ``panel_texts``,
            ``annealing_steps``, ``group_tokens`` as in the section ``assessment`` of a configuration, but with
            ``suite="full"``; ``diagnostics``, ``also``, ``thresholds`` as of ``assess``.

    Raises:
        UserError: a function that does not return what it should, or an unknown option.

    >>> import torch
    >>> found = assess_model(
    ...     ["a", "b"] * 10,
    ...     encode=lambda texts: (torch.zeros(len(texts), 1), torch.ones(len(texts), 1)),
    ...     log_likelihood=lambda texts, z: torch.full(z.shape[:2], -2.0),
    ...     diagnostics=["rate", "distortion"],
    ... )
    >>> found.estimates["rate"].value, found.estimates["distortion"].value
    (0.0, 2.0)
    """
    counted = words_and_end if count_tokens is None else count_tokens
    functions = TextModel(encode, log_likelihood, sample, decode, prior, counted)
    return assess_text_model(functions, texts, save=save, **options)


def noise_curve(
    subject: str | Path | TextModel | FromTransformers,
    texts: Sequence[str] | None = None,
    sizes: Sequence[float] = (),
    **options: Any,
) -> NoiseCurve:
    """Return rate, information and distortion of a deterministic code over the size of its noise.

    Args:
        subject: a file of a code (``.safetensors``), or a model whose ``encode`` returns the code.
        texts: the texts of a model.
        sizes: for a model, standard deviations of the noise in units of z.
        options: for a model: ``samples``, ``training_texts``, ``group_tokens``, ``seed`` of ``score_code``.

    Raises:
        UserError: sizes that are not positive, or what ``NoisyCode.load`` refuses.

    >>> import torch
    >>> def code(texts):
    ...     return torch.tensor([[float(text)] for text in texts])
    >>> model = TextModel(code, lambda texts, z: -1 - (z - code(texts)).square().sum(-1))
    >>> curve = noise_curve(model, [f"{i / 50 - 1}" for i in range(100)], [0.1, 1.0], samples=64)
    >>> round(curve.bits_needed(0.5).rise.value, 2)  # noise 0.1 costs 0.1^2
    0.01
    """
    if isinstance(subject, str | Path):
        return NoiseCurve.of(NoisyCode.load(subject))
    if texts is None:
        raise UserError("a model needs texts and sizes: vaescope.noise_curve(model, texts, [0.1, 1])")
    functions = subject if isinstance(subject, TextModel) else subject.text_model
    return NoiseCurve.of(score_code(functions, texts, sizes, **options))


def refit(run: Run, out: str | Path, *, families: Sequence[str] = ("mixture", "aggregate"), **options: Any) -> Refit:
    """Fit p(z) of a trained run to the encodings of its training texts; write the new run to ``out``.

    Args:
        run: a run folder.
        out: the folder of the new run, which must not exist.
        families: densities to try: ``mixture``, ``aggregate``, ``flow`` (needs the extra ``flows``).
        options: ``components`` (most training posteriors in an aggregate) and ``progress``.

    Raises:
        UserError: a language model, or a folder that exists.
    """
    place, given = _as_path(out, "the new run"), fitting_options(refit_run, options)
    return refit_run(Examined.load(_path(run)), place, families=families, **given)


def compare(*runs: Run, out: str | Path = "comparison", split: str | None = None, title: str = "Comparison") -> Path:
    """Write the page that compares assessed runs, with figures and CSV, and return its path.

    It reads the files of the assessments: those of ``vaescope assess RUN``, or of ``vaescope.assess(run).save(folder)``
    with the folder of the run. ``split`` is by default the one that all runs are assessed on.
    """
    fitting(compare, {"split": split, "title": title})
    folders = [_path(run) for run in runs]
    if not folders:
        raise UserError("compare needs at least one assessed run")
    return write_page(folders, _as_path(out, "the page"), split=split, title=title)


def _judged(drawn: Draws | Evidence, options: dict[str, Any], split: str | None, control: Run | None) -> Assessment:
    if split is not None or control is not None:
        raise UserError("split and control are for a run; draws hold what is known of theirs")
    return stage.assess(drawn, **fitting_options(stage.assess, options))


def _path(run: Run) -> Path:
    return run.path if isinstance(run, RunFolder) else _as_path(run, "a run folder")


def _as_path(value: Any, what: str) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"give the path of {what}, not {shown(value)}")
    return Path(value)


def _settings(
    config: RunConfig | str | Path | Mapping[str, Any] | None, overrides: Sequence[str], sections: dict[str, Any]
) -> RunConfig:
    """Merge the arguments into one configuration and check it."""
    raw: dict[str, Any]
    if isinstance(config, RunConfig):
        raw = config.model_dump(mode="json", exclude_unset=True)
    elif isinstance(config, str | Path):
        raw = read_yaml(Path(config))
    else:
        if not isinstance(config, Mapping | None):
            raise UserError(f"give a configuration, a YAML file or a mapping, not {shown(config)}")
        raw = dict(config or {})
    if not isinstance(raw, dict) or not fits(list(overrides), list[str]):
        raise UserError(f"{shown(config)} with {shown(list(overrides))}: give sections by name, and 'KEY=VALUE' texts")
    raw |= {name: str(value) if isinstance(value, Path) else value for name, value in sections.items()}
    data = raw.get("data")
    if isinstance(data, str):
        raw["data"] = {"known": data} if data in choices.names("corpora") else {"path": data}
    for override in overrides:
        apply_override(raw, override)
    return parse_config(raw, source=str(config) if isinstance(config, str | Path) else "configuration")


def _read(path: Path, options: dict[str, Any]) -> Evidence:
    """Read a file, a code at the noise that is asked for; removes the options of the noise from ``options``."""
    noise, nats = options.pop("noise", None), options.pop("noise_distortion", None)
    if noise is None and nats is None:
        return Evidence.load(path)
    if noise is not None and nats is not None:
        raise UserError("give one of noise and noise_distortion")
    code = NoisyCode.load(path)
    return code.at(code.size_for(nats) if noise is None else noise)


def _drawn(vae: LatentSpace, texts: Sequence[str], options: dict[str, Any]) -> Evidence:
    """Sweep a loaded model over texts; removes the options of the sweep from ``options``."""
    tokenized = vae.tokenize(texts)
    names = ("samples", "seed", "group_tokens", "precision", "progress")
    draws = sweep(vae.model, tokenized, **{"samples": 64} | {n: options.pop(n) for n in names if n in options})
    evidence = Evidence.of(replace(draws, text_id=tokenized.text_id))
    return replace(evidence, facts=replace(evidence.facts, strings=tokenized.texts))
