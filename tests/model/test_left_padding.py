"""Prompts of several lengths, padded on the left, are continued as if each were alone."""

import pytest
import torch

from vaescope.model.backbone import new_config
from vaescope.model.build import tiny_model

from .families import DECODERS, model_of

PROMPTS = [[0, 5, 6, 7], [0, 8], [0]]


def bloom(injection):
    """Its attention knows positions only from the mask (ALiBi)."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 12}
    config = new_config({"model_type": "bloom"}, **sizes, pad_token_id=1, bos_token_id=0, eos_token_id=2)
    return tiny_model(injection=injection, decoder=config, tie_encoder_decoder=False)[0]


CASES = [(i, d) for d in DECODERS for i in ("memory+embedding", "prefix", "everything", "none")]


@pytest.mark.parametrize(("injection", "decoder"), [*CASES, ("memory+embedding", "bloom"), ("prefix", "bloom")])
def test_a_prompt_padded_on_the_left_is_continued_as_it_is_alone(injection, decoder):
    model = bloom(injection) if decoder == "bloom" else model_of(injection, decoder)[0]
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    longest = max(len(prompt) for prompt in PROMPTS)
    ids = torch.tensor([[1] * (longest - len(prompt)) + prompt for prompt in PROMPTS])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in PROMPTS])
    options = {"do_sample": False, "max_new_tokens": 4, "min_new_tokens": 4, "output_logits": True}
    together = model.generate(ids, attention_mask=mask, latents=z, return_dict_in_generate=True, **options)
    for row, prompt in enumerate(PROMPTS):
        alone = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            latents=z[row : row + 1],
            return_dict_in_generate=True,
            **options,
        )
        assert together.sequences[row, longest:].tolist() == alone.sequences[0, len(prompt) :].tolist()
        for a, b in zip(together.logits, alone.logits, strict=True):
            torch.testing.assert_close(a[row], b[0], atol=1e-4, rtol=1e-4)
