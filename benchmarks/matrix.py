"""Training step of the injection `matrix` against `memory`: the ratio of their times, in one process.

    python benchmarks/matrix.py

Both models take steps in turn (forward, backward, optimiser) on the same random texts; the ratio is the median over the
pairs of adjacent steps, so that a change in the machine's load meets both. The claim: at most 1.3.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable

import torch

from vaescope.corpora.batch import Batch
from vaescope.model import TransformerVAE, TransformerVAEConfig
from vaescope.model.backbone import causal, new_config

CASES = {
    "small": {"layers": 2, "hidden_size": 128, "batch": 32, "tokens": 32},
    "base": {"layers": 6, "hidden_size": 384, "batch": 32, "tokens": 32},
}
VOCABULARY = 8_000


def build(injection: str, layers: int, hidden_size: int, tokens: int) -> TransformerVAE:
    torch.manual_seed(0)
    encoder = new_config(
        {"model_type": "roberta"},
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=hidden_size // 32,
        intermediate_size=4 * hidden_size,
        vocab_size=VOCABULARY,
        max_position_embeddings=tokens + 2,
        type_vocab_size=1,
        pad_token_id=1,
    )
    config = TransformerVAEConfig(
        encoder=encoder,
        decoder=causal(encoder),
        latent_size=32,
        injection=injection,
        tie_encoder_decoder=True,
        text_length=tokens,
    )
    return TransformerVAE(config)


def training_step(model: TransformerVAE, batch: Batch) -> Callable[[], float]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    on_gpu = batch.input_ids.is_cuda

    def step() -> float:
        start = time.perf_counter()
        posterior = model.encode(batch)
        loss = -model.log_likelihood(batch, posterior.rsample()).mean() + model.prior.rate(posterior).sum(-1).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return step


def measure(device: str, steps: int, *, layers: int, hidden_size: int, batch: int, tokens: int) -> tuple[float, ...]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(3, VOCABULARY, (batch, tokens), generator=generator).to(device)
    texts = Batch(ids, torch.ones_like(ids), torch.arange(batch))
    run = {
        name: training_step(build(name, layers, hidden_size, tokens).train().to(device), texts)
        for name in ("memory", "matrix")
    }
    times = [(run["memory"](), run["matrix"]()) for _ in range(steps + 2)][2:]
    memory, matrix = (statistics.median(column) for column in zip(*times, strict=True))
    return memory, matrix, statistics.median(b / a for a, b in times)


def hardware(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--case", choices=CASES, action="append")
    options = parser.parse_args()
    print(f"{datetime.date.today()}  {hardware(options.device)}  torch {torch.__version__}  {' '.join(sys.argv)}")
    for case in options.case or CASES:
        memory, matrix, ratio = measure(options.device, options.steps, **CASES[case])
        print(
            f"{case}: memory {memory * 1e3:.0f} ms, matrix {matrix * 1e3:.0f} ms per step, ratio {ratio:.2f} (<= 1.3)"
        )


if __name__ == "__main__":
    main()
