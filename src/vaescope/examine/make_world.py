"""Make a world from a trained language model: draw texts to a folder, in parts, by any number of processes.

Every text has its own random numbers (seed, split, place), so the texts do not depend on the number of processes or on
interruptions, and a larger world begins with the texts of a smaller one.
"""

from __future__ import annotations

import json
import math
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import torch
from transformers import AutoConfig, PreTrainedTokenizerFast

from vaescope.checks import fits
from vaescope.config import ModelConfig, TokenizerConfig
from vaescope.corpora.corpus import SPLITS
from vaescope.corpora.text_to_ids import encode
from vaescope.corpora.tokenizer import load_tokenizer
from vaescope.corpora.world import CHUNK, Drawn, chunk_file, read_chunk
from vaescope.errors import UserError
from vaescope.model.build import build_model
from vaescope.model.vae import TransformerVAE
from vaescope.model.vae_config import TransformerVAEConfig
from vaescope.reading import read_json
from vaescope.runs.lock import one_at_a_time
from vaescope.runs.run_folder import RunFolder
from vaescope.sweep.scoring import Progress
from vaescope.sweep.world_texts import banned_tokens, draw_texts
from vaescope.writing import whole_folder, write_json, write_tensors, write_text

DEFAULT_LENGTH = 64
"""Largest number of tokens of a text if the checkpoint states no length."""


@dataclass(frozen=True)
class Settings:
    """The settings that determine the texts of a world, in addition to the model in its folder.

    Attributes:
        source: where the model came from.
        seed: of all texts.
        max_length: the greatest number of tokens, BOS and EOS included.
        banned: tokens of probability 0.
    """

    source: str
    seed: int
    max_length: int
    banned: list[int]


def load_language_model(path: Path, max_length: int | None) -> tuple[TransformerVAE, PreTrainedTokenizerFast]:
    """Return a language model: a run, a model folder of one, or a causal checkpoint of transformers.

    Raises:
        UserError: no model there, or a VAE.
    """
    if (path / "config.yaml").is_file():
        folder = RunFolder(path)
        model, saved = folder.load_model(), folder.load_tokenizer()
        if saved is None:
            raise UserError(f"{path}: no tokenizer/; finish the run with vaescope train")
        tokenizer = saved
    elif not (path / "config.json").is_file():
        raise UserError(f"{path}: neither a run nor a checkpoint; give the folder of a language model")
    else:
        tokenizer = load_tokenizer(TokenizerConfig(path=str(path)), [], key="source of a world")
        if AutoConfig.from_pretrained(path).model_type == TransformerVAEConfig.model_type:
            model = TransformerVAE.from_pretrained(path)
        else:
            settings = ModelConfig(encoder=str(path), decoder=str(path), injection="none", tie=False)
            model = build_model(settings, tokenizer, max_length or DEFAULT_LENGTH)
    if not model.config.is_language_model:
        raise UserError(f"{path}: a VAE has no exact log P(x); give a run with objective=language_model")
    if max_length is not None and max_length > model.config.text_length:
        raise UserError(f"--max-length {max_length}: this model reads at most {model.config.text_length} tokens")
    return model.float().eval(), tokenizer


def make_world(
    source: Path,
    out: Path,
    *,
    sizes: Mapping[str, int],
    max_length: int | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Draw the missing texts of a world, and return its record.

    Args:
        source: a run of a language model, or a causal checkpoint of transformers.
        out: the folder of the world.
        sizes: texts of each split.
        max_length: the greatest number of tokens, BOS and EOS included; by default that of the model's own texts.
        seed: of all texts.
        workers: processes that draw.
        progress: called with the texts drawn and those to draw.

    Raises:
        UserError: no language model, the folder holds another world, or another process works on it.
    """
    with one_at_a_time(out):
        _start(source, out, max_length, seed)
        parts = [
            (split, chunk, min(CHUNK, sizes[split] - chunk * CHUNK))
            for split in SPLITS
            for chunk in range(math.ceil(sizes[split] / CHUNK))
        ]
        todo = [part for part in parts if _there(out, *part[:2]) < part[2]]
        total, done = sum(sizes.values()), sum(count for *_, count in parts) - sum(count for *_, count in todo)
        with _executor(workers) as submit:
            for count in submit(out, todo):
                done += count
                if progress is not None:
                    progress(done, total)
        return _finish(out, sizes)


def _start(source: Path, out: Path, max_length: int | None, seed: int) -> None:
    """Write the model, its tokenizer and the settings, or check that they are those of this world."""
    file = out / "settings.json"
    if file.is_file():
        old = _settings(out)
        asked: dict[str, Any] = {"seed": seed, "max_length": max_length or old.max_length}
        if str(source.resolve()) != old.source and not _same_model(source, out, old.max_length):
            # a model that has moved is still the same
            asked["source"] = str(source.resolve())
        for name, value in asked.items():
            if getattr(old, name) != value:
                raise UserError(f"{out}: this world has {name} = {getattr(old, name)}, not {value}; give another --out")
        return
    found = {item.name for item in out.iterdir() if not item.name.startswith(".")} if out.is_dir() else set()
    if found - {"model", "tokenizer"}:
        raise UserError(f"{out}: not empty and no world; give another --out")
    model, tokenizer = load_language_model(source, max_length)
    with whole_folder(out / "model") as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    with whole_folder(out / "tokenizer") as folder:
        tokenizer.save_pretrained(folder)
    length = max_length or model.config.text_length
    banned = banned_tokens(model, tokenizer).tolist()
    write_json(file, vars(Settings(str(source.resolve()), seed, length, banned)))


def _same_model(source: Path, out: Path, max_length: int) -> bool:
    """Return whether the model at a place is the one that draws this world."""
    ours, theirs = TransformerVAE.from_pretrained(out / "model"), load_language_model(source, max_length)[0]
    wanted, given = ours.float().state_dict(), theirs.state_dict()
    return wanted.keys() == given.keys() and all(torch.equal(given[name], value) for name, value in wanted.items())


def _settings(out: Path) -> Settings:
    """Read what decides the texts of a world."""
    file = out / "settings.json"
    try:
        settings = Settings(**read_json(file))
        good = all(fits(vars(settings)[name], kind) for name, kind in get_type_hints(Settings).items())
    except (OSError, ValueError, TypeError):
        good = False
    if not good:
        raise UserError(f"{file}: damaged; bring it back, or draw another world with another --out")
    return settings


@contextmanager
def _executor(workers: int) -> Iterator[Any]:
    """Yield a function that draws parts, here or in other processes, and yields the number of texts of each."""
    if workers == 1:
        yield lambda out, todo: (draw_part(out, *part) for part in todo)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda out, todo: (
            future.result() for future in as_completed([pool.submit(draw_part, out, *part) for part in todo])
        )


def draw_part(out: Path, split: str, chunk: int, count: int) -> int:
    """Draw one file of a world, written as a whole or not at all, and return the number of its texts."""
    model, settings = load_drawn_model(out)
    drawn = draw_texts(
        model,
        torch.tensor(settings.banned, dtype=torch.int64),
        max_length=settings.max_length,
        seed=settings.seed,
        stream=SPLITS.index(split),
        start=chunk * CHUNK,
        count=count,
    )
    write_tensors(chunk_file(out, split, chunk), vars(drawn))
    return count


@cache
def load_drawn_model(out: Path) -> tuple[TransformerVAE, Settings]:
    """Return the language model of a world, on the fastest device, and what decides its texts."""
    settings = _settings(out)
    model = TransformerVAE.from_pretrained(out / "model").eval()
    device = torch.accelerator.current_accelerator(check_available=True)
    if device is not None:
        torch.nn.Module.to(model, device)
    return model, settings


def _there(out: Path, split: str, chunk: int) -> int:
    """Return how many texts of a part have been drawn."""
    file = chunk_file(out, split, chunk)
    try:
        return len(read_chunk(file).counts) if file.is_file() else 0
    except UserError:
        return 0


def _finish(out: Path, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Write the strings and the record: H(X) with its error, and the definition of P."""
    tokenizer = load_tokenizer(TokenizerConfig(path=str(out / "tokenizer")), [])
    all_log_p, entropies, forced, other = [], {}, 0, 0
    for split, size in sizes.items():
        parts = [read_chunk(chunk_file(out, split, chunk)) for chunk in range(math.ceil(size / CHUNK))]
        drawn = Drawn.joined(parts).first(size)
        rows = [row.tolist() for row in drawn.ids.split(drawn.counts.tolist())]
        texts = tokenizer.batch_decode([row[1:-1] for row in rows], skip_special_tokens=False)
        lines = (
            json.dumps({"text": text, "log_prob": value})
            for text, value in zip(texts, drawn.log_prob.tolist(), strict=True)
        )
        write_text(out / f"{split}.jsonl", "".join(f"{line}\n" for line in lines))
        other += _otherwise(texts, drawn, tokenizer)
        forced += int(drawn.forced.sum())
        entropies[split] = _entropy(drawn.log_prob)
        all_log_p.append(drawn.log_prob)
    texts_in_all = sum(sizes.values())
    record = {
        **vars(_settings(out)),
        "sizes": dict(sizes),
        "entropy": _entropy(torch.cat(all_log_p)),
        "entropy_by_split": entropies,
        "forced_share": forced / texts_in_all,
        "encoded_otherwise_share": other / texts_in_all,
    }
    write_json(out / "world.json", record)
    return record


def _entropy(log_prob_N: torch.Tensor) -> dict[str, float]:
    """Return the mean of -log P(x) and its standard error, nats per text."""
    return {"value": -log_prob_N.mean().item(), "se": (log_prob_N.std() / math.sqrt(len(log_prob_N))).item()}


def _otherwise(texts: list[str], drawn: Drawn, tokenizer: PreTrainedTokenizerFast) -> int:
    """Count the texts whose string the tokenizer would encode to other tokens than the drawn ones."""
    found = encode(texts, tokenizer, int(drawn.counts.max()))
    again, own = found["ids"].split(found["counts"].tolist()), drawn.ids.split(drawn.counts.tolist())
    return sum(not torch.equal(one, two[1:-1]) for one, two in zip(again, own, strict=True))
