"""Scale out: two processes of ``vaescope train`` under torchrun give the loss curve of one, at the same global batch.

    python benchmarks/scale_out.py

Runs ``python -m torch.distributed.run --nproc-per-node 2 -m vaescope train`` over gloo. The claim: 1e-5, in
float32 and in bfloat16.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import header, row

CONFIG = """
data: {known: topic_pcfg, sizes: [2000, 200, 200]}
tokenizer: {vocab_size: 500}
model: {encoder: {model_type: roberta, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4,
                  intermediate_size: 128}, latent_size: 8}
objective: {preset: mdr, rate: 4}
training: {steps: 20, batch_size: 32, log_every: 1, validate_every: 20, tracker: none}
"""
KEYS = ("loss", "rate", "distortion", "gradient")


def train(folder: Path, precision: str, accumulate: int, launcher: list[str]) -> list[dict[str, float]]:
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    out = folder / f"{precision}-{accumulate}"
    options = [f"out={out}", f"training.accumulate={accumulate}", f"training.precision={precision}"]
    command = [sys.executable, *launcher, "-m", "vaescope", "train", str(config), *options]
    subprocess.run(command, check=True, capture_output=True)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "train"]


def main() -> None:
    header()
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for precision in ("fp32", "bf16"):
        with tempfile.TemporaryDirectory() as work:
            one, two = train(Path(work), precision, 2, []), train(Path(work), precision, 1, torchrun)
        largest = max(abs(a[key] - b[key]) / abs(a[key]) for a, b in zip(one, two, strict=True) for key in KEYS)
        claim = f"2 gloo processes against 1, {len(one)} steps, {precision}: largest relative difference of the curves"
        row(claim, "0", f"{largest:.0e}", "")


if __name__ == "__main__":
    main()
