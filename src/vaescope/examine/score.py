"""score: what a model says of each text of any file, in nats, with standard errors."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from vaescope.corpora.tokenized import tokenize
from vaescope.errors import UserError
from vaescope.estimators.copies import Copies
from vaescope.estimators.estimate import Estimate, mean_of
from vaescope.estimators.importance import log_mean_exp
from vaescope.evidence.draws import Draws
from vaescope.examine.allocate_samples import Scores, scores_within
from vaescope.examine.examined_run import Examined
from vaescope.randomness import seed_of
from vaescope.sweep.scoring import Progress
from vaescope.sweep.sweep import sweep
from vaescope.writing import write_text

NUMBERS = ("rate", "distortion", "elbo", "log_likelihood")
"""The numbers of a text; each has its standard error under the name with ``_se``."""


def score_texts(
    examined: Examined,
    texts: Sequence[str],
    *,
    samples: int = 32,
    standard_error: float | None = None,
    most: int = 4_096,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scores:
    """Return rate, distortion, ELBO and the importance-weighted bound on log p(x) of each text, nats per text.

    With a wanted ``standard_error`` of the bound of each text, ``samples`` are those of a pilot, and each text then
    gets as many new ones as it needs, up to ``most`` (``scores_within``).

    The errors are those of S samples of q(z|x) of this text: by its own weights, so that they say nothing about other
    texts. The rate has none where it has a closed form.

    Raises:
        UserError: fewer than 2 texts, an empty one, or fewer than 2 samples.
    """
    if samples < 2:
        raise UserError(f"--samples must be at least 2, not {samples}: a standard error needs two")
    if len(texts) < 2:
        raise UserError(f"give at least 2 texts, not {len(texts)}")
    empty = next((number for number, text in enumerate(texts, start=1) if not text.strip()), None)
    if empty is not None:
        raise UserError(f"text {empty} of {len(texts)} is empty; leave it out")
    tokenized = tokenize(list(texts), examined.tokenizer, max_length=examined.model.config.text_length)
    precision = examined.config.assessment.precision

    def draw(chosen: list[int], count: int, purpose: str) -> Scores:
        own = seed_of(seed, f"score {purpose}", count)
        some = tokenized.select(chosen)
        return scores_of(sweep(examined.model, some, samples=count, seed=own, precision=precision, progress=progress))

    if standard_error is not None:
        return scores_within(draw, len(texts), samples=samples, standard_error=standard_error, most=most)
    return scores_of(
        sweep(examined.model, tokenized, samples=samples, seed=seed, precision=precision, progress=progress)
    )


def scores_of(draws: Draws) -> Scores:
    r"""Return the numbers of each text of a sweep.

    With weights :math:`w_s` the bound is :math:`L_S = \log \frac1S \sum_s w_s`, and its error by the delta method
    :math:`\mathrm{sd}(w) / (\sqrt S\, \bar w)`.
    """
    weights_SN, closed = draws.log_weights, draws.unit_rates is not None
    rates_SN = draws.log_q_z_x.double() - draws.log_p_z.double()
    distortion_se = _error(draws.log_p_x_z.double())
    relative_SN = (weights_SN - log_mean_exp(weights_SN)).exp()
    return {
        "tokens": draws.tokens,
        "rate": draws.rates,
        "rate_se": torch.zeros_like(draws.rates) if closed else _error(rates_SN),
        "distortion": draws.distortions,
        "distortion_se": distortion_se,
        "elbo": -(draws.distortions + draws.rates),
        "elbo_se": distortion_se if closed else _error(weights_SN),
        "log_likelihood": log_mean_exp(weights_SN),
        "log_likelihood_se": _error(relative_SN),
    }


def means_of(scores: Scores, texts: Sequence[str]) -> dict[str, Estimate]:
    """Return the mean over the texts of each number, with the error of drawing the texts; copies of a text count as
    one.

    Raises:
        Missing: all texts are equal.
    """
    kinds, copies = {"elbo": "lower", "log_likelihood": "lower"}, Copies.of_strings(texts)
    return {
        name: mean_of(scores[name], unit="nats/text", kind=kinds.get(name, "unbiased"), copies=copies)
        for name in NUMBERS
    }


def write_scores(path: Path, texts: Sequence[str], scores: Scores) -> None:
    """Write a row per text, as CSV or as JSON lines by the ending of the file.

    Raises:
        UserError: another ending.
    """
    columns = {name: values.tolist() for name, values in scores.items()}
    rows = [{"text": text} | {name: values[i] for name, values in columns.items()} for i, text in enumerate(texts)]
    if path.suffix == ".jsonl":
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif path.suffix == ".csv":
        file = io.StringIO()
        writer = csv.DictWriter(file, ["text", *columns], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, file.getvalue())
    else:
        raise UserError(f"{path}: give a file that ends in .csv or .jsonl")


def _error(values_SN: Tensor) -> Tensor:
    return values_SN.std(0) / len(values_SN) ** 0.5
