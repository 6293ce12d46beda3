"""``vaescope assess``: what a trained model says about texts, in numbers with their errors."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vaescope.cli.noise import asked
from vaescope.cli.run_words import read_words

if TYPE_CHECKING:
    from vaescope.assessment.assessment import Assessment
    from vaescope.evidence.evidence import Evidence
    from vaescope.examine.examined_run import Examined


class Split(StrEnum):
    """The splits of a corpus."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


def assess(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [KEY=VALUE]",
            help="the run folder, then settings of this assessment (assessment.flow=true) or where its texts are if "
            "they moved (data.path=PLACE)",
        ),
    ] = None,
    draws: Annotated[Path | None, typer.Option(help="assess a file of draws instead of a run")] = None,
    suite: Annotated[str | None, typer.Option(help="fast, or full, which also draws texts from the model")] = None,
    split: Annotated[list[Split] | None, typer.Option(help="may be given more than once")] = None,
    samples: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="posterior samples per text")] = None,
    texts: Annotated[
        int | None, typer.Option(min=2, help="assess only this many texts, the first of the split")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="a file with one label per text, or a kind of label of the corpus or the file of draws"),
    ] = None,
    components: Annotated[
        str | None,
        typer.Option(
            help="further held-out texts as components of q(z), only encoded: a number of them (0: none), all, or a "
            "file; by default 10 for each assessed text, new ones of a built-in corpus, else the rest of the split"
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            "--checkpoint",
            "--select",
            help="a kept model of the run (training.keep) by its name, for instance pareto/step-500, "
            "or by a rule, for instance best-log-likelihood",
        ),
    ] = None,
    control: Annotated[Path | None, typer.Option(help="run of a language model on these texts, as a baseline")] = None,
) -> None:
    """Assess a run, or a file of draws from any model; writes assessment.json, its figures and a page next to it.

    The validation split goes to assessment.json, another split to assessment-SPLIT.json, a kept model to
    assessment-step-N.json and assessment-step-N-SPLIT.json. A run is assessed by the suite
    of its configuration (fast by default), a file by all diagnostics that its tensors allow. The page is
    report/report.html, of another split report-SPLIT/report.html.
    """
    given = read_words(words) if words else None
    if (given is None) == (draws is None):
        raise typer.BadParameter("give either a run folder or --draws FILE")
    if checkpoint is not None and len(checkpoint) > 1:
        raise typer.BadParameter("give one of --checkpoint and --select")
    if components is not None and not components.strip():
        raise typer.BadParameter("--components is empty; give a number, all, or a file")
    if draws is not None:
        of_a_run = {"split": split, "samples": samples, "texts": texts, "components": components}
        _refuse_of_a_run(of_a_run | {"checkpoint": checkpoint, "control": control})
    if given is not None and asked():
        raise typer.BadParameter("--noise is for the code of a file (--draws); a run has its own q(z|x)")
    if given is not None and control is not None and given.run.resolve() == control.resolve():
        raise typer.BadParameter(f"--control {control} is the run itself; give the run of a language model")
    if draws is not None:
        _assess_file(draws, "full" if suite is None else suite, labels)
    elif given is not None:
        options = {"suite": suite, "samples": samples, "texts": texts, "labels": labels, "components": components}
        runs = given.load(_checkpoint(given.run, *(checkpoint or ["model"])), control)
        _assess_run(*runs, split, options)


def _refuse_of_a_run(options: dict[str, Any]) -> None:
    """Refuse options of a run together with a file of draws."""
    useless = [f"--{name}" for name, value in options.items() if value]
    if useless:
        raise typer.BadParameter(f"{', '.join(useless)}: no effect with --draws, whose numbers are those of the file")


def _checkpoint(run: Path, given: str) -> str:
    from vaescope.training.keeper import select

    return select(run, given) if given.startswith("best") else given


def _assess_file(path: Path, suite: str, labels: Path | None) -> None:
    from dataclasses import replace

    from vaescope.assessment.assess import assess as assess_evidence
    from vaescope.evidence.evidence import Evidence
    from vaescope.examine.collect_facts import read_labels
    from vaescope.writing import check_place

    evidence = _noisy(path) if asked() else Evidence.load(path)
    if labels is not None:
        known = evidence.facts.label_kinds
        given = known.get(str(labels)) if str(labels) in known and not labels.exists() else None
        found = read_labels(labels, evidence.draws.texts, known) if given is None else given
        evidence = replace(evidence, facts=evidence.facts.with_labels(found))
    check_place(path.with_name("assessment.json"))
    assessment = assess_evidence(evidence, suite=suite)
    say({"valid": assessment}, [assessment.save(path.parent)], title=str(path), page=True)


def _noisy(path: Path) -> Evidence:
    """Read a deterministic code at the noise that was asked for."""
    from vaescope.evidence.noisy_code import NoisyCode

    code, noise = NoisyCode.load(path), asked()
    return code.at(noise.std if noise.std is not None else code.size_for(float(noise.distortion or 0.0)))


def _assess_run(run: Examined, compared: Examined | None, splits: list[Split] | None, options: dict[str, Any]) -> None:
    from vaescope.assessment.assess import check_suite
    from vaescope.cli.console import progress
    from vaescope.cli.output import Format, chosen
    from vaescope.examine.save_assessment import assess_and_save

    check_suite("fast" if options["suite"] is None else options["suite"])
    path, chosen_splits = run.folder.path, list(map(str, dict.fromkeys(splits or run.config.assessment.splits)))
    _check_splits(run, chosen_splits, options["labels"])
    name = str(path) if run.checkpoint == "model" else f"{path}, {run.checkpoint}"
    found, files = {}, []
    for split in chosen_splits:
        with progress(f"assess {split}", err=chosen() is not Format.table) as meter:
            found[split], file = assess_and_save(run, split, control=compared, progress=meter, **options)
        files.append(file)
    say(found, files, title=name, page=run.checkpoint == "model")


def _check_splits(run: Examined, splits: list[str], labels: Path | None) -> None:
    """Before the first split is assessed, refuse what can only be wrong at a later one."""
    from vaescope.errors import UserError
    from vaescope.runs.data_record import check_data

    if labels is not None and labels.exists() and len(splits) > 1:
        raise UserError(
            f"--labels {labels}: the labels of one split, but {' and '.join(splits)} are assessed; give one --split"
        )
    check_data(run.folder.path, run.corpus, tuple(dict.fromkeys(("train", *splits))))


def say(found: dict[str, Assessment], files: list[Path], *, title: str, page: bool) -> None:
    """Print assessments by split, then what was written."""
    from vaescope.cli.output import Format, chosen, show, written
    from vaescope.report.estimates import written_as

    table = chosen() is Format.table
    if not table:
        typer.echo(written_as(chosen(), found))
    for (split, assessment), file in zip(found.items(), files, strict=True):
        if table:
            show(assessment, title=f"{title} ({split})")
        written(file, split=split if page else None, err=not table)
