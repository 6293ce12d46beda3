"""A VAE made of a T5 of transformers, in plain PyTorch, trained for seconds and assessed in full.

    python examples/t5_vae.py

The encoder's states are averaged and give q(z|x); z, mapped to one vector, is all that the decoder attends to.
``posterior`` and ``logits`` are the lines that you write for networks of your own. The command line does the same:

    vaescope assess-model examples/t5_vae.py:trained texts.txt --out assessed
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

import vaescope
from vaescope.corpora.tokenizer import train_bpe

LATENT, WIDTH, STEPS = 4, 64, 600
WEIGHT = 0.2
"""Weight of the rate. With 1, this small decoder learns to ignore z (posterior collapse)."""
SUBJECTS = ["the cat", "a dog", "one bird", "my friend", "her horse", "that man", "no child", "every fish"]
VERBS = ["sleeps", "runs away", "sings a song", "waits", "looks up", "falls down", "eats bread", "turns around"]
PLACES = ["at home", "in the rain", "on a hill", "by the sea", "under trees", "near me", "at night", "for hours"]


def texts_of(count: int, seed: int) -> list[str]:
    """Return texts such as "a dog runs away at night": 512 different ones."""
    drawn = random.Random(seed)
    return [f"{drawn.choice(SUBJECTS)} {drawn.choice(VERBS)} {drawn.choice(PLACES)}" for _ in range(count)]


class T5Vae(nn.Module):
    """T5 with a Gaussian bottleneck between its encoder and its decoder."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        sizes = {"d_model": WIDTH, "d_kv": 32, "d_ff": 2 * WIDTH, "num_layers": 1, "num_heads": 2}
        self.t5 = T5ForConditionalGeneration(T5Config(vocab_size=vocabulary, dropout_rate=0.0, **sizes))
        self.head, self.up = nn.Linear(WIDTH, 2 * LATENT), nn.Linear(LATENT, WIDTH)

    def posterior(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of q(z|x)."""
        states = self.t5.encoder(ids, attention_mask=mask).last_hidden_state
        mean, log_std = self.head((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).chunk(2, -1)
        return mean, log_std.exp()

    def logits(self, ids: Tensor, mask: Tensor, z: Tensor) -> Tensor:
        """Return the logits of the next token."""
        memory = BaseModelOutput(last_hidden_state=self.up(z)[:, None])
        return self.t5(encoder_outputs=memory, decoder_input_ids=ids, decoder_attention_mask=mask).logits


def trained() -> vaescope.FromTransformers:
    """Train with distortion + WEIGHT x rate, and return the model for an assessment."""
    torch.manual_seed(0)
    texts = texts_of(2000, seed=0)
    tokenizer = train_bpe(texts, 500)
    vae = T5Vae(len(tokenizer))
    model = vaescope.FromTransformers(vae.posterior, vae.logits, tokenizer, max_length=40)
    functions, optimiser = model.text_model, torch.optim.Adam(vae.parameters(), lr=3e-3)
    for step in range(STEPS):
        batch = random.Random(step).sample(texts, 32)
        mean_BD, std_BD = functions.encode(batch)
        z_1BD = (mean_BD + std_BD * torch.randn_like(std_BD))[None]
        rate_B = (mean_BD.square() + std_BD.square() - 1 - 2 * std_BD.log()).sum(-1) / 2
        loss = (WEIGHT * rate_B - functions.log_likelihood(batch, z_1BD)[0]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    vae.eval()
    return model


def main() -> vaescope.Assessment:
    """Train, assess on new texts, and print the findings."""
    assessment = vaescope.assess(trained(), texts_of(200, seed=1), samples=16, simulations=100, adapted_texts=16)
    for name in ("rate", "distortion", "mutual_information", "marginal_kl"):
        print(f"{name:20} {assessment.estimates[name].low:6.2f} to {assessment.estimates[name].high:6.2f} nats")
    for finding in assessment.findings:
        print(f"{finding.verdict:10} {finding.name}: {finding.message}")
    return assessment


if __name__ == "__main__":
    main()
