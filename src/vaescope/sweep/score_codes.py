"""A deterministic code scored at noise of several sizes, and the size that costs a stated distortion."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vaescope.errors import UserError
from vaescope.evidence.noisy_code import NoisyCode
from vaescope.sweep.encode import encode
from vaescope.sweep.scoring import noise, score
from vaescope.sweep.string_model import StringModel, StringTexts, encoded
from vaescope.sweep.text_model import TextModel

MOST = 256
"""Texts on which a size of the noise is searched."""

REACH = 1e3
"""The search ends at this many times the spread of the code, and at that part of it."""

STEPS = 14
"""Halvings of the logarithm of the size: it is then known to within 0.1%."""


def score_code(
    functions: TextModel,
    texts: Sequence[str],
    sizes: Sequence[float],
    *,
    samples: int = 4,
    training_texts: Sequence[str] = (),
    group_tokens: int = 8_192,
    seed: int = 0,
) -> NoisyCode:
    """Return the code of texts with log p(x|z) at noise of several sizes; only the mean of ``encode`` is used.

    Args:
        functions: the model; its prior counts only if it is None, which means the Gaussian that fits the codes.
        texts: the N texts.
        sizes: standard deviations of the noise.
        samples: samples S of the noise per text, the same at every size.
        training_texts: texts whose codes make the density that bounds the information from above.
        group_tokens: tokens, over texts and samples, that the decoder scores at once.
        seed: of the noise.

    Raises:
        UserError: sizes that are not positive, fewer than 2 texts, or a function that does not return what it should.
    """
    if not len(sizes) or not all(0 < size < math.inf for size in sizes):
        raise UserError(f"noise: give positive sizes, not {list(sizes)}")
    model, split, code_ND = _encoded(functions, texts, group_tokens)
    stds = sorted(set(map(float, sizes)))
    unit_SND = noise(seed, torch.arange(len(split)), samples, model.size)
    at = [score(model, split, code_ND + std * unit_SND, group_tokens=group_tokens) for std in stds]
    training = StringTexts.of(training_texts, functions) if len(training_texts) else None
    return NoisyCode(
        code=code_ND,
        std=torch.tensor(stds),
        unit=unit_SND,
        log_p_x_z=torch.stack(at),
        log_p_x_code=score(model, split, code_ND[None], group_tokens=group_tokens)[0],
        tokens=split.lengths,
        words=split.words,
        bytes=split.bytes,
        text_id=split.text_id,
        training=None if training is None else encode(model, training, group_tokens=group_tokens).mean,
        metadata={"strings": split.texts, "seed": seed},
    ).validate()


def noise_for(
    functions: TextModel,
    texts: Sequence[str],
    nats: float,
    *,
    samples: int = 4,
    group_tokens: int = 8_192,
    seed: int = 0,
) -> float:
    """Return the size of the noise that raises the mean distortion of the first texts by ``nats``, within 0.1%.

    The same noise is used at every size, so the search compares like with like.

    Raises:
        UserError: no size does: a decoder that ignores the code, or one that loses more at any noise.
    """
    if not 0 < nats < math.inf:
        raise UserError(f"noise_distortion: give a positive number of nats, not {nats:g}")
    model, split, code_ND = _encoded(functions, texts[:MOST], group_tokens)
    unit_SND = noise(seed, torch.arange(len(split)), samples, model.size)
    silent = score(model, split, code_ND[None], group_tokens=group_tokens).double().mean()
    spread = code_ND.double().std(0).mean().item() or 1.0

    def rise(size: float) -> float:
        scored = score(model, split, code_ND + size * unit_SND, group_tokens=group_tokens)
        return (silent - scored.double().mean()).item()

    low, high = math.log(spread / REACH), math.log(spread * REACH)
    least, most = rise(math.exp(low)), rise(math.exp(high))
    if least > nats:
        raise UserError(
            f"noise_distortion: a noise of {math.exp(low):.2g}, a thousandth of the code's spread, already costs "
            f"{least:.3g} nats; allow more"
        )
    if most < nats:
        raise UserError(
            f"noise_distortion: a noise of {math.exp(high):.2g}, a thousand times the code's spread, costs only "
            f"{most:.3g} nats; the decoder ignores the code, or allow less"
        )
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(math.exp(middle)) <= nats else (low, middle)
    return math.exp(low)


def _encoded(functions: TextModel, texts: Sequence[str], group_tokens: int) -> tuple[StringModel, StringTexts, Tensor]:
    split = StringTexts.of(list(texts), functions)
    if len(split) < 2:
        raise UserError(f"texts: expected at least 2, found {len(split)}")
    # the mean is the code; any noise makes it a posterior
    model = StringModel(functions, encoded(functions, split.texts[:1], 1.0)[0].shape[1], 1.0)
    return model, split, encode(model, split, group_tokens=group_tokens).mean
