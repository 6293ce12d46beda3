"""Refit of the decoder: train a new p(x|z) on the encodings of a trained, frozen encoder."""

from __future__ import annotations

from pathlib import Path

from vaescope.config import RunConfig, parse_config
from vaescope.errors import UserError
from vaescope.runs.run_folder import RunFolder


def decoder_config(run: Path, out: Path) -> RunConfig:
    """Return the configuration that trains the decoder and the prior of a run further, with q(z|x) frozen.

    With q(z|x) fixed, D + R is minimised by the p(x|z) and p(z) closest to the joint distribution q(x, z): the
    information does not change, and D falls towards H(X) - I from above. Tied encoders and decoders are untied. The
    steps and the learning rate are those of the run.

    Raises:
        UserError: not a finished run, a language model, or an existing folder.
    """
    folder = RunFolder(run)
    config = folder.config
    if config.is_language_model:
        raise UserError(f"{run}: a language model has no q(z|x) to freeze")
    if not (folder.model / "config.json").exists():
        raise UserError(f"{run}: no trained model; finish the run with vaescope train")
    data = config.model_dump(mode="json")
    model = {
        **data["model"],
        "tie": False,
        "init_from": str(run),
        "freeze": "posterior",
        "init_parts": ["encoder", "decoder", "injections", "prior"],
    }
    return parse_config({**data, "objective": "vae", "model": model, "out": str(out)})
