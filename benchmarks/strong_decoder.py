"""A VAE with a pre-trained decoder and LoRA on all linear layers: real tokens per second, batch 32.

    python benchmarks/strong_decoder.py [--model FOLDER] [--data FOLDER] [--precision fp32] [--profile]

The baseline is the loop that anyone would write with transformers and peft: padded batches, float32, all logits at
once, the latent by a prefix of one embedding and added to all embeddings. Both take turns of 2 optimiser steps on the
same texts, each in a process of its own. ``--model`` is the folder of the decoder, such as SmolLM2-135M. Without
it a tiny Llama with random weights shows in a minute that both loops run; its ratio says nothing about a large one. The
claim for 135M parameters: at least 2 times the baseline in float32, and 4 times if the hardware has bfloat16.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from common import alternate_processes, header, ratio_of, row, texts_of
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, RobertaConfig, RobertaModel

from vaescope.config import RunConfig, parse_config
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenizer import train_bpe
from vaescope.model.kernels.allocator import keep_freed_memory
from vaescope.runs.run_folder import RunFolder
from vaescope.training.task import prepare
from vaescope.training.trainer import Trainer

STEPS = 2
LATENT = 32
RANK = 16
ENCODER = {"hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 1_024}
TINY = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "intermediate_size": 128,
    "vocab_size": 2_048,
    "tie_word_embeddings": True,
}


class NaiveVAE(nn.Module):
    """A RoBERTa encoder and a causal decoder with adapters, as one writes them from public classes."""

    def __init__(self, decoder: Path, vocabulary: int) -> None:
        super().__init__()
        options = {"vocab_size": vocabulary, "max_position_embeddings": 66, "type_vocab_size": 1, **ENCODER}
        self.encoder = RobertaModel(RobertaConfig(**options), add_pooling_layer=False)
        self.decoder = AutoModelForCausalLM.from_pretrained(decoder, dtype=torch.float32)
        inject_adapter_in_model(
            LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", exclude_modules=["lm_head"]),
            self.decoder,
        )
        width = self.decoder.config.hidden_size
        self.posterior = nn.Linear(ENCODER["hidden_size"], 2 * LATENT)
        self.prefix, self.embedding = nn.Linear(LATENT, width), nn.Linear(LATENT, width)

    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        mean, log_variance = self.posterior(states[:, 0]).chunk(2, -1)
        std = (0.5 * log_variance).exp()
        z = mean + std * torch.randn_like(std)
        rate = 0.5 * (mean.square() + std.square() - 1 - log_variance).sum(1)
        words = self.decoder.get_input_embeddings()(ids[:, :-1]) + self.embedding(z).unsqueeze(1)
        embeddings = torch.cat([self.prefix(z).unsqueeze(1), words], 1)
        logits = self.decoder(inputs_embeds=embeddings, attention_mask=mask).logits[:, 1:]
        targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        nll = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=-100)
        return (nll.sum(1) + rate).mean()


def config_of(folder: Path, decoder: Path, data: str | None, precision: str) -> RunConfig:
    source = {"path": data} if data else {"known": "topic_pcfg"}
    return parse_config(
        {
            "data": {**source, "max_length": 32},
            "tokenizer": {"path": str(decoder)},
            "model": {
                "encoder": {"model_type": "roberta", **ENCODER},
                "decoder": str(decoder),
                "lora": {"rank": RANK, "alpha": 2 * RANK},
                "tie": False,
                "latent_size": LATENT,
            },
            "training": {"batch_size": 32, "tracker": "none", "precision": precision},
            "out": str(folder),
        }
    )


def trainer_of(config: RunConfig) -> Trainer:
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    return Trainer(prepare(config, RunFolder(config.out), accelerator), accelerator)


def naive(decoder: Path, vocabulary: int, batches: list[Batch]) -> Callable[[int], object]:
    """Return the plain loop."""
    model = NaiveVAE(decoder, vocabulary)
    trained = [p for name, p in model.named_parameters() if "decoder." not in name or "lora_" in name]
    optimiser = torch.optim.AdamW(trained, lr=5e-4)

    def turn(pair: int) -> None:
        for batch in batches[pair * STEPS : (pair + 1) * STEPS]:
            model.loss(batch.input_ids, batch.attention_mask).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            optimiser.zero_grad()

    return turn


def ours(config: RunConfig) -> Callable[[int], object]:
    """Return the loop of ``vaescope train``."""
    keep_freed_memory()
    trainer = trainer_of(config)

    def turn(pair: int) -> None:
        for _ in range(STEPS):
            trainer.advance()

    return turn


def tiny_decoder(folder: Path, data: str | None) -> Path:
    """Write a tiny Llama with random weights, and a tokenizer."""
    tokenizer = train_bpe(texts_of(data), 2_000)
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = LlamaConfig(**TINY, **special, pad_token_id=tokenizer.pad_token_id)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def compare(decoder: Path, data: str | None, precision: str, pairs: int, work: Path) -> None:
    trainer = trainer_of(config_of(work / "texts", decoder, data, precision))
    texts, vocabulary = trainer.task.batches.tokenized, len(AutoTokenizer.from_pretrained(decoder))
    batches = [texts.batch(trainer.task.batches.indices(step)) for step in range((pairs + 1) * STEPS)]
    kind = str(trainer.plain.dtype or "float32").removeprefix("torch.")
    own = (p for name, p in trainer.model.decoder.named_parameters() if "lora_" not in name)
    millions = sum(p.numel() for p in own) / 1e6
    ways = {"naive": partial(naive, decoder, vocabulary, batches)}
    ways["ours"] = partial(ours, config_of(work / "ours", decoder, data, precision))
    times = alternate_processes(ways, pairs)
    tokens = torch.stack([batch.tokens.sum() for batch in batches]).view(-1, STEPS).sum(1).tolist()[1:]
    rate = {name: statistics.median(n / t for n, t in zip(tokens, time, strict=True)) for name, time in times.items()}
    row(
        f"training, decoder of {millions:.3g}M with LoRA, batch 32, {kind}: tokens/s",
        f"{rate['naive']:.0f}",
        f"{rate['ours']:.0f}",
        f"{ratio_of(times['naive'], times['ours']):.1f} x",
    )


def profile(config: RunConfig) -> None:
    trainer = trainer_of(config)
    trainer.advance()
    with torch.profiler.profile() as recorded:
        trainer.advance()
    print(recorded.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=40))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="the folder of the decoder; by default a tiny one is made")
    parser.add_argument("--data", help="a folder with train.txt, valid.txt and test.txt")
    parser.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16"])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    header()
    with tempfile.TemporaryDirectory() as work:
        decoder = options.model or tiny_decoder(Path(work) / "decoder", options.data)
        if options.profile:
            profile(config_of(Path(work) / "run", decoder, options.data, options.precision))
        else:
            compare(decoder, options.data, options.precision, options.pairs, Path(work))


if __name__ == "__main__":
    main()
