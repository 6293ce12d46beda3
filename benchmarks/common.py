"""What every benchmark shares: the architecture, the texts, the pairing of two ways, and a line for the table."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from tokenizers import Tokenizer

from vaescope.config import DataConfig
from vaescope.corpora.corpus import load_corpus
from vaescope.corpora.tokenizer import train_bpe, wrap

VOCABULARY = 30_522
LATENT = 32
TOKENS = 64
SMALL = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512}
SIZES = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1_536}


def texts_of(data: str | None, split: str = "train") -> list[str]:
    """Return the texts of a corpus folder, or of the built-in grammar."""
    source = DataConfig(path=Path(data)) if data else DataConfig(known="topic_pcfg")
    return getattr(load_corpus(source), split)


def tokenizer_of(texts: list[str], size: int = VOCABULARY):
    """Return a BPE of the texts, filled up to ``size`` with tokens that never occur."""
    bpe = json.loads(train_bpe(texts, min(size, 10_000)).backend_tokenizer.to_str())
    vocabulary = bpe["model"]["vocab"]
    vocabulary |= {f"<unused {i}>": i for i in range(len(vocabulary), size)}
    return wrap(Tokenizer.from_str(json.dumps(bpe)))


def hardware() -> str:
    """Return the processor, how many threads torch uses, and the accelerator."""
    names = [platform.processor() or platform.machine()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line][:1]
    bf16 = ", bf16 in hardware" if torch.cpu.get_capabilities().get("avx512_bf16") else ""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{names[0]}, {torch.get_num_threads()} of {os.cpu_count()} cores{bf16}{gpu}, torch {torch.__version__}"


def header() -> None:
    """Print on what, when and by which command the numbers were measured."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"hardware  {hardware()}{load}\ndate      {datetime.date.today().isoformat()}")
    print(f"command   python {' '.join([os.path.relpath(sys.argv[0]), *sys.argv[1:]])}")


def row(claim: str, baseline: str, ours: str, ratio: str) -> None:
    """Print a row of the table in README.md."""
    print(f"| {claim} | {baseline} | {ours} | {ratio} |", flush=True)


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work takes, the device waited for."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def alternate(ways: dict[str, Callable[[int], object]], pairs: int) -> dict[str, list[float]]:
    """Return the seconds of each way, called in turn with the number of the pair, so that load meets all alike.

    Each is called once before, unmeasured.
    """
    for work in ways.values():
        work(0)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for pair in range(1, pairs + 1):
        for name, work in ways.items():
            times[name].append(seconds(lambda work=work, pair=pair: work(pair)))
    return times


def alternate_processes(ways: dict[str, Callable[[], Callable[[int], object]]], pairs: int) -> dict[str, list[float]]:
    """Return the seconds of each way as ``alternate`` does, with each way in a process of its own.

    For ways whose memory would get in each other's way. A way is a function at the top of a module, or a partial of
    one, that returns the work.
    """
    spawn = multiprocessing.get_context("spawn")
    ends = {}
    for name, make in ways.items():
        ends[name], theirs = spawn.Pipe()
        spawn.Process(target=_timed_on_request, args=(make, theirs), daemon=True).start()
        theirs.close()
    times = alternate({name: lambda pair, end=end: _answer(end, pair) for name, end in ends.items()}, pairs)
    for end in ends.values():
        end.close()
    return times


def _timed_on_request(make: Callable[[], Callable[[int], object]], end: Connection) -> None:
    work = make()
    while True:
        try:
            work(end.recv())
        except EOFError:
            return
        end.send(None)


def _answer(end: Connection, pair: int) -> None:
    end.send(pair)
    end.recv()


def ratio_of(slow: list[float], fast: list[float]) -> float:
    """Return the median over the pairs of how many times faster the second is."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))
