"""Write the file that ``vaescope assess --draws FILE`` reads, with numpy and safetensors alone.

The adapters in this folder run in the environment of another project, which may not hold vaescope; nothing here imports
it. S samples of q(z|x) for each of N texts; D latent units; all densities in nats per text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def read_texts(file: Path, *, most: int, words: int) -> list[str]:
    """Return the first texts of a file, one per line, with at most a given number of words."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and len(line.split()) <= words][:most]


def cycle(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return for each text another text, ``[N]``: a permutation without fixed points."""
    circle = rng.permutation(count)
    others = np.empty(count, dtype=np.int64)
    others[circle] = np.roll(circle, 1)
    return others


def log_normal(z: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return the density of a diagonal Gaussian, summed over the units."""
    z, mean, std = (np.asarray(x, dtype=np.float64) for x in (z, mean, std))
    return (-0.5 * ((z - mean) / std) ** 2 - np.log(std) - HALF_LOG_2PI).sum(-1)


def write_draws(path: Path, texts: list[str], mean: np.ndarray, std: np.ndarray, z: np.ndarray, **more: Any) -> None:
    """Write a variational posterior: mean and std ``[N, D]``, z ``[S, N, D]``, and under p(z) = N(0, I) the rest.

    ``more``: ``log_p_x_z`` ``[S, N]``, ``tokens`` ``[N]``; if known ``log_p_x_z_shuffled`` with ``shuffled_from``,
    ``log_p_x_z_prior``, ``text_id``, ``[N]`` each; ``metadata``, a dict.
    """
    tensors = {
        "posterior_mean": mean,
        "posterior_std": std,
        "z": z,
        "log_p_z": log_normal(z, np.zeros_like(mean), np.ones_like(std)),
        "log_q_z_x": log_normal(z, mean, std),
    }
    _write(path, texts, tensors, prior="standard", **more)


def write_codes(
    path: Path, texts: list[str], code: np.ndarray, noise_std: np.ndarray, unit: np.ndarray, **more: Any
) -> None:
    """Write a deterministic code ``[N, D]`` with log p(x|z) of its decoder at code + noise_std x unit.

    ``noise_std``: K sizes of the noise, ``[K]``; ``unit``: standard normal numbers, ``[S, N, D]``.
    ``more``: ``noise_log_p_x_z`` ``[K, S, N]``, ``code_log_p_x_z`` ``[N]`` without noise, ``tokens`` ``[N]``;
    if known ``training_code`` ``[T, D]``; ``metadata``, a dict.
    """
    _write(path, texts, {"posterior_mean": code, "noise_std": noise_std, "noise_unit": unit}, **more)


def _write(path: Path, texts: list[str], tensors: dict[str, Any], metadata: dict[str, Any], **more: Any) -> None:
    prior = {"prior": more.pop("prior")} if "prior" in more else {}
    tensors |= more
    counts = {"words": [len(text.split()) for text in texts], "bytes": [len(text.encode()) for text in texts]}
    numbers = {name: np.asarray(value, dtype=np.float32) for name, value in tensors.items()}
    for name in ("tokens", "text_id", "shuffled_from"):
        if name in numbers:
            numbers[name] = np.asarray(tensors[name], dtype=np.int64)
    numbers |= {name: np.asarray(value, dtype=np.int64) for name, value in counts.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {name: json.dumps(value) for name, value in {**metadata, "strings": texts}.items()}
    save_file({name: np.ascontiguousarray(value) for name, value in numbers.items()}, str(path), {**said, **prior})
