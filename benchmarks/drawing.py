"""Drawing texts of a language model: CPU seconds for 1,000 texts, against ``generate`` of transformers.

    python benchmarks/drawing.py [--model FOLDER] [--texts 500] [--pairs 3]

FOLDER holds a language model (a run, or a model); by default a new model of the same size is made, 6 layers of 256 and
a vocabulary of 8,000, with the bias of EOS set for texts of 27 tokens. ``generate`` is called on the same decoder, with
its cache, without top-k or top-p, at each of several batch sizes; it returns no log-probabilities. ``vaescope world``
draws the same number of texts with log P(x) of each. CPU seconds are those of the process, so that a loaded machine
changes them less than wall seconds; both are printed. The claims: at least 6 times ``generate`` at its best batch size,
the same texts whatever the batch size, and log P(x) equal to that of scoring the texts in one pass.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path

import torch
from common import header, row, texts_of, tokenizer_of

from vaescope.config import ModelConfig
from vaescope.corpora.world import Drawn
from vaescope.examine.make_world import load_language_model
from vaescope.model.build import build_model
from vaescope.model.decoder import conditioned_states
from vaescope.model.vae import TransformerVAE
from vaescope.sweep import world_texts
from vaescope.sweep.world_texts import banned_tokens, draw_texts

BATCHES = (25, 100, 250, 500)
SIZES = {"hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 1_024}
VOCABULARY, MEAN_LENGTH, TOKENS = 8_000, 27, 96


def new_model() -> tuple[TransformerVAE, torch.Tensor]:
    """Return a new language model that ends texts, and its banned tokens."""
    tokenizer = tokenizer_of(texts_of(None), VOCABULARY)
    settings = ModelConfig(encoder={"model_type": "roberta", **SIZES}, injection="none")
    torch.manual_seed(0)
    model = build_model(settings, tokenizer, TOKENS).eval()
    with torch.no_grad():
        model.decoder.lm_head.bias[model.config.eos_token_id] = math.log(VOCABULARY / (MEAN_LENGTH - 1))
    return model, banned_tokens(model, tokenizer)


def generate(model: TransformerVAE, texts: int, batch: int) -> float:
    """Draw texts by transformers, and return their mean length."""
    config, tokens = model.config, 0
    for _ in range(texts // batch):
        start = torch.full((batch, 1), config.bos_token_id)
        options = {"do_sample": True, "top_k": 0, "top_p": 1.0, "use_cache": True, "max_length": config.text_length - 1}
        ends = {"eos_token_id": config.eos_token_id, "pad_token_id": config.pad_token_id}
        with torch.inference_mode():
            ids = model.decoder.generate(start, attention_mask=torch.ones_like(start), **options, **ends)
        tokens += int((ids != config.pad_token_id).sum())
    return tokens / texts


def ours(model: TransformerVAE, banned: torch.Tensor, texts: int) -> Drawn:
    """Draw the first texts of seed 0."""
    return draw_texts(model, banned, max_length=model.config.text_length, seed=0, stream=0, start=0, count=texts)


def timed(work) -> tuple[float, float]:
    """Return the CPU and the wall seconds of some work."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def scored(model: TransformerVAE, banned: torch.Tensor, drawn: Drawn) -> torch.Tensor:
    """Return log P(x) of each text by one pass over all of its tokens, without a cache."""
    result = []
    for ids, forced in zip(drawn.ids.long().split(drawn.counts.tolist()), drawn.forced, strict=True):
        read = ids[None, :-2] if forced else ids[None, :-1]
        z = torch.zeros(1, model.config.latent_size)
        logits = model.decoder.lm_head(conditioned_states(model.decoder, read, model.condition(z)))[0].double()
        logits[:, banned] = -math.inf
        result.append(logits.log_softmax(-1).gather(1, ids[1 : 1 + len(logits), None]).sum())
    return torch.stack(result)


def check(model: TransformerVAE, banned: torch.Tensor, texts: int) -> None:
    """Print what batch sizes change, and how far log P(x) is from scoring."""
    whole = ours(model, banned, texts)
    at_once = world_texts.AT_ONCE
    same, error = 0, 0.0
    for world_texts.AT_ONCE in (7, 64):
        other = ours(model, banned, texts)
        same += int(torch.equal(other.ids, whole.ids))
        error = max(error, (other.log_prob - whole.log_prob).abs().max().item())
    world_texts.AT_ONCE = at_once
    row(f"{texts} texts drawn 7, 64 and {at_once} at once: sizes with the same tokens; largest change of log P(x)", "",
        f"{same} of 2; {error:.0e}", "")  # fmt: skip
    with torch.inference_mode():
        difference = (scored(model, banned, whole) - whole.log_prob).abs()
    row(f"log P(x) of {texts} texts while drawing against scoring: mean, largest difference in nats", "",
        f"{difference.mean():.0e}, {difference.max():.0e}", "")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    header()
    if options.model:
        model, tokenizer = load_language_model(options.model, None)
        banned = banned_tokens(model, tokenizer)
    else:
        model, banned = new_model()
    model.decoder.config.use_cache = True
    check(model, banned, 100)
    ways = {f"generate, {batch} at once": lambda batch=batch: generate(model, options.texts, batch)
            for batch in BATCHES}  # fmt: skip
    ways["vaescope"] = lambda: ours(model, banned, options.texts)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    generate(model, 10, 10)
    for _ in range(options.pairs):
        for name, work in ways.items():
            times[name].append(timed(work))
    scale = 1_000 / options.texts
    medians = {name: statistics.median(cpu for cpu, _ in seen) for name, seen in times.items()}
    best = min((name for name in ways if name != "vaescope"), key=medians.__getitem__)
    for name, seen in times.items():
        ratios = statistics.median(one[0] / two[0] for one, two in zip(seen, times["vaescope"], strict=True))
        wall = statistics.median(wall for _, wall in seen)
        row(f"1,000 texts by {name}: CPU seconds (wall)", "", f"{medians[name] * scale:.1f} ({wall * scale:.1f})",
            f"{ratios:.1f} x" + (", the best batch" if name == best else ""))  # fmt: skip


if __name__ == "__main__":
    main()
