"""A VAE built as Optimus is, trained for seconds and written for ``vaescope assess --draws``.

    pip install transformers==4.48.0 torch==2.14.1 tokenizers==0.21.4 safetensors==0.8.0     # Python 3.11
    python examples/adapters/optimus.py --train train.txt --texts test.txt --out optimus.safetensors
    vaescope assess --draws optimus.safetensors

Optimus (Li et al. 2020, arXiv:2004.04092) itself needs a fork of transformers from 2019, which no current Python
installs. ``Optimus`` below has its parts, written anew on transformers 4.48: BERT whose pooled first state gives
q(z|x); GPT-2 that reads z as one more key and value in every layer ("memory") and added to every token ("embedding").
Encoder and decoder have their own tokenizers. With a trained Optimus, keep ``fill`` and load its weights into these
parts.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws_file import cycle, read_texts, write_draws
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel, DynamicCache, GPT2Config, GPT2LMHeadModel

SIZE, WIDTH, LAYERS, STEPS, BATCH, SAMPLES, FREE = 8, 64, 2, 500, 32, 16, 4.0
"""FREE: nats of the rate without cost; Optimus sets such a threshold for every unit."""


def tokenizer_of(texts: list[str], size: int, names: tuple[str, str, str]) -> Tokenizer:
    """Return a tokenizer of whole words; the ids 0, 1 and 2 are unknown, start and end."""
    words = Tokenizer(models.WordLevel(unk_token=names[0]))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=size, special_tokens=list(names)))
    return words


def padded(tokenizer: Tokenizer, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Return ids framed by start and end, and the mask, ``[B, T]`` each."""
    rows = [[1, *tokenizer.encode(text).ids, 2] for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, (torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]).long()


class Optimus(nn.Module):
    """BERT, a Gaussian bottleneck, and GPT-2 with z as memory and embedding."""

    def __init__(self, bert_words: int, gpt2_words: int) -> None:
        super().__init__()
        sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 128}
        self.encoder = BertModel(BertConfig(vocab_size=bert_words, **sizes))
        self.decoder = GPT2LMHeadModel(GPT2Config(vocab_size=gpt2_words, n_embd=WIDTH, n_layer=LAYERS, n_head=2))
        self.to_posterior = nn.Linear(WIDTH, 2 * SIZE, bias=False)
        self.to_memory = nn.Linear(SIZE, WIDTH * LAYERS, bias=False)
        self.to_embedding = nn.Linear(SIZE, WIDTH, bias=False)

    def posterior(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of q(z|x), ``[B, D]`` each."""
        pooled = self.encoder(ids, attention_mask=mask).pooler_output
        mean, log_variance = self.to_posterior(pooled).chunk(2, -1)
        return mean, (log_variance / 2).exp()

    def log_likelihood(self, ids: Tensor, mask: Tensor, z: Tensor) -> Tensor:
        """Return log p(x|z) with the end of each text, ``[B]``."""
        heads = self.to_memory(z).view(len(z), LAYERS, 2, 1, WIDTH // 2).unbind(1)
        memory = DynamicCache.from_legacy_cache(tuple((slot, slot) for slot in heads))
        read = self.decoder.transformer.wte(ids[:, :-1]) + self.to_embedding(z)[:, None]
        seen = torch.cat([torch.ones(len(z), 1, dtype=mask.dtype), mask[:, :-1]], 1)
        logits = self.decoder(inputs_embeds=read, attention_mask=seen, past_key_values=memory).logits
        return -(cross_entropy(logits.mT, ids[:, 1:], reduction="none") * mask[:, 1:]).sum(1)


def rate(mean: Tensor, std: Tensor) -> Tensor:
    """Return KL(q(z|x) || N(0, I)) of each text."""
    return (mean.square() + std.square() - 1 - 2 * std.log()).sum(-1) / 2


def train(model: Optimus, tokenizers: tuple[Tokenizer, Tokenizer], texts: list[str]) -> None:
    """Minimise distortion and the rate above FREE."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(STEPS):
        part = [texts[(BATCH * step + i) % len(texts)] for i in range(BATCH)]
        mean, std = model.posterior(*padded(tokenizers[0], part))
        z = mean + std * torch.randn_like(std)
        distortion = -model.log_likelihood(*padded(tokenizers[1], part), z).mean()
        optimiser.zero_grad()
        (distortion + rate(mean, std).mean().clamp_min(FREE)).backward()
        optimiser.step()
    model.eval()


@torch.no_grad()
def fill(model: Optimus, tokenizers: tuple[Tokenizer, Tokenizer], texts: list[str], path: Path) -> Any:
    """Write the numbers of the model for the texts; return mean, std, z and log p(x|z)."""
    read, scored = (padded(each, texts) for each in tokenizers)
    mean, std = model.posterior(*read)
    z = mean + std * torch.randn(SAMPLES, *mean.shape)
    others = torch.from_numpy(cycle(len(texts), np.random.default_rng(0)))
    log_p_x_z = torch.stack([model.log_likelihood(*scored, each) for each in z])
    write_draws(
        path,
        texts,
        mean.numpy(),
        std.numpy(),
        z.numpy(),
        log_p_x_z=log_p_x_z.numpy(),
        log_p_x_z_shuffled=model.log_likelihood(*scored, z[0, others]).numpy(),
        log_p_x_z_prior=model.log_likelihood(*scored, torch.randn_like(mean)).numpy(),
        shuffled_from=others.numpy(),
        tokens=(scored[1].sum(1) - 1).numpy(),
        metadata={"model": "built as Optimus", "versions": {"transformers": "4.48.0", "torch": torch.__version__}},
    )
    return mean, std, z, log_p_x_z


def report(mean: Tensor, std: Tensor, z: Tensor, log_p_x_z: Tensor) -> dict[str, float]:
    """Return the numbers that Optimus reports, by its formulas: rate, MI of batches of 32, active units, -ELBO."""
    informations = []
    for m, s, x in zip(mean.split(32), std.split(32), z[0].split(32), strict=True):
        log_q = torch.distributions.Normal(m, s).log_prob(x[:, None]).sum(-1)
        entropy = -(0.5 * (1 + np.log(2 * np.pi)) + s.log()).sum(-1)
        informations.append((entropy - (log_q.logsumexp(1) - np.log(len(x)))).mean())
    distortion = -log_p_x_z[0].mean()
    return {
        "reconstruction": distortion.item(),
        "KL": rate(mean, std).mean().item(),
        "-ELBO": (distortion + rate(mean, std).mean()).item(),
        "MI": torch.stack(informations).mean().item(),
        "active units": float((mean.var(0) > 0.01).sum()),
    }


def main() -> None:
    """Train, write the file, and print the numbers that Optimus reports."""
    parser = argparse.ArgumentParser()
    for name in ("--train", "--texts", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    training, texts = read_texts(given.train, most=10_000, words=14), read_texts(given.texts, most=512, words=14)
    torch.manual_seed(0)
    first = tokenizer_of(training, 1000, ("[UNK]", "[CLS]", "[SEP]"))
    second = tokenizer_of(training, 1500, ("<UNK>", "<BOS>", "<EOS>"))
    model = Optimus(first.get_vocab_size(), second.get_vocab_size())
    train(model, (first, second), training)
    for name, value in report(*fill(model, (first, second), texts, given.out)).items():
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
