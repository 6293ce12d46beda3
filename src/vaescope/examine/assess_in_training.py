"""The assessment at a validation: the fast suite on the validation texts, while the model trains."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from vaescope.assessment.assess import assess
from vaescope.config import RunConfig
from vaescope.corpora.corpus import read_corpus
from vaescope.corpora.split import read_split
from vaescope.corpora.tokenized import Tokenized
from vaescope.errors import UserError
from vaescope.examine.red_flags import red_flags
from vaescope.model.vae import TransformerVAE
from vaescope.objectives.describe import target_rate
from vaescope.runs.run_folder import RunFolder
from vaescope.sweep.sweep import sweep
from vaescope.training.validation import fixed_texts

log = logging.getLogger("vaescope")

VALIDATION_SAMPLES = 4
"""Posterior samples per text in the assessment at a validation: enough for all but the importance-weighted bound."""


def validation_assessment(config: RunConfig) -> Callable[[TransformerVAE], dict[str, Any]] | None:
    """Return a function that assesses the model on the validation texts with the fast suite, or None if this is
    switched off.

    What it returns is one line of ``metrics.jsonl``: every estimate by name, the findings that do not pass, and the red
    flags in words, which are also logged.
    """
    if not config.assessment.at_validation:
        return None
    texts: list[Tokenized] = []

    def assess_now(model: TransformerVAE) -> dict[str, Any]:
        if not texts:
            tokenizer = RunFolder(config.out).load_tokenizer()
            if tokenizer is None:
                raise UserError(f"{config.out}: no tokenizer/; start the run again")
            valid = read_split(read_corpus(config.data), config.data, tokenizer, "valid")
            texts.append(fixed_texts(valid, config))
        draws = sweep(
            model,
            texts[0],
            samples=VALIDATION_SAMPLES,
            group_tokens=config.assessment.group_tokens,
            seed=config.seed,
            precision=config.assessment.precision,
        )
        settings = config.assessment
        found = assess(draws, suite="fast", also=settings.diagnostics, thresholds=settings.thresholds)
        flags = []
        if not config.is_language_model:
            lines = [*_before(config), *RunFolder(config.out).metrics("validation")]
            flags = red_flags(found.findings, lines, target_rate(config.objective))
        for flag in flags:
            log.warning("red flag at step %s: %s", lines[-1]["step"], flag)
        return {
            **{name: estimate.value for name, estimate in found.estimates.items()},
            "findings": {f.name: f.verdict for f in found.findings if f.verdict in ("FAIL", "WARN")},
            "red_flags": flags,
        }

    return assess_now


def _before(config: RunConfig) -> list[dict[str, Any]]:
    """Return the last validation of the stage that a run starts from, as step 0: from its rate on, a rate can fall."""
    source = config.model.init_from
    taken = {"encoder", "decoder", "injections"} <= set(config.model.init_parts)
    lines = RunFolder(source).metrics("validation") if source is not None and taken else []
    return [lines[-1] | {"step": 0}] if lines else []
