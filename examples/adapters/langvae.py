"""A LangVAE between a frozen BERT and a frozen GPT-2, trained for minutes and written for ``vaescope assess --draws``.

    pip install langvae==0.6.13 transformers==4.48.0 pythae==0.1.2 torch==2.14.1 safetensors==0.8.0     # Python 3.11
    python examples/adapters/langvae.py --train train.txt --texts test.txt --out langvae.safetensors
    vaescope assess --draws langvae.safetensors

Both networks are tiny: a BERT with random weights, and a GPT-2 that first learns the training texts. LangVAE decodes
freely: each token is predicted from z and the most probable tokens before it, not from the text's own. So
p(x|z) is a product over positions, which is what its loss trains, and what is written here. Its loss leaves out the end
of a text, so p(x|z) is here that of the tokens given their number. For a model of your own keep ``fill``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from draws_file import cycle, read_texts, write_draws

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # LangVAE compiles its loss, which takes longer than this training
SIZE, LONGEST, STEPS, BATCH, SAMPLES = 8, 16, 300, 16, 16
SMALL = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 64}


def tiny_networks(folder: Path, texts: list[str]) -> None:
    """Write a BERT with random weights and a GPT-2 trained on the texts, with one tokenizer of whole words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer, words.decoder = pre_tokenizers.WhitespaceSplit(), decoders.WordPiece(prefix="##")
    words.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=1000, special_tokens=["[EOS]", "[UNK]"]))
    names = {"unk_token": "[UNK]", "eos_token": "[EOS]", "bos_token": "[EOS]", "pad_token": "[EOS]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **names)
    torch.manual_seed(0)
    bert = BertModel(BertConfig(vocab_size=len(tokenizer), intermediate_size=128, **SMALL))
    ids = {"bos_token_id": 0, "eos_token_id": 0}
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_layer=1, n_head=2, n_embd=64, **ids))
    optimiser = torch.optim.Adam(gpt2.parameters(), lr=3e-3)
    for step in range(400):
        rows = [[0, *tokenizer(texts[(32 * step + i) % len(texts)])["input_ids"], 0] for i in range(32)]
        longest = max(map(len, rows))
        labels = torch.tensor([row + [-100] * (longest - len(row)) for row in rows])
        optimiser.zero_grad()
        gpt2(labels.clamp(min=0), labels=labels).loss.backward()
        optimiser.step()
    for name, network in (("bert", bert), ("gpt2", gpt2)):
        network.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)


def one_hot(rows: list[list[int]], vocabulary: int) -> torch.Tensor:
    """Return the ids as LangVAE reads them, sparse and without entries at the padding, ``[B, LONGEST, V]``."""
    places = [(b, t, token) for b, row in enumerate(rows) for t, token in enumerate(row)]
    ones = torch.ones(len(places), dtype=torch.int8)
    return torch.sparse_coo_tensor(torch.tensor(places).mT, ones, (len(rows), LONGEST, vocabulary)).coalesce()


def build(folder: Path) -> Any:
    """Return a LangVAE over the two networks of a folder."""
    sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the package
    from langvae.arch.vae import LangVAE
    from langvae.decoders import SentenceDecoder
    from langvae.encoders import SentenceEncoder
    from pythae.models.vae import VAEConfig

    torch.manual_seed(0)
    decoder = SentenceDecoder(str(folder / "gpt2"), SIZE, LONGEST)
    encoder = SentenceEncoder(str(folder / "bert"), SIZE, decoder.tokenizer, caching=True)
    model = LangVAE(
        VAEConfig(input_dim=(LONGEST, decoder.decoder.config.vocab_size), latent_dim=SIZE), encoder, decoder
    )
    model.cur_beta, model.target_kl = 1.0, 0.0
    return model


def train(model: Any, rows: list[list[int]]) -> None:
    """Minimise the loss of LangVAE."""
    vocabulary = model.decoder.decoder.config.vocab_size
    model({"data": one_hot(rows[:2], vocabulary)})  # its linear maps learn their sizes
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    model.train()
    for step in range(STEPS):
        part = [rows[(BATCH * step + i) % len(rows)] for i in range(BATCH)]
        optimiser.zero_grad()
        model({"data": one_hot(part, vocabulary)}).loss.backward()
        optimiser.step()
    model.eval()


def log_likelihood(model: Any, rows: list[list[int]], z: torch.Tensor) -> torch.Tensor:
    """Return log p(x|z) of the tokens of each text, z ``[N, D]``."""
    p = torch.cat([model.decoder(part)["reconstruction"] for part in z.split(128)])
    ids = torch.tensor([row + [0] * (LONGEST - len(row)) for row in rows])
    inside = torch.arange(LONGEST) < torch.tensor([len(row) for row in rows])[:, None]
    log_p = p.gather(-1, ids[..., None])[..., 0].clamp_min(torch.finfo(p.dtype).tiny).log()
    return (log_p * inside).sum(1)


@torch.no_grad()
def fill(model: Any, rows: list[list[int]], texts: list[str], path: Path) -> None:
    """Write the numbers of the model for the texts."""
    found = model.encoder(one_hot(rows, model.decoder.decoder.config.vocab_size))
    mean, std = found.embedding, (found.log_covariance / 2).exp()
    z = mean + std * torch.randn(SAMPLES, *mean.shape)
    others = torch.from_numpy(cycle(len(rows), np.random.default_rng(0)))
    write_draws(
        path,
        texts,
        mean.numpy(),
        std.numpy(),
        z.numpy(),
        log_p_x_z=torch.stack([log_likelihood(model, rows, each) for each in z]).numpy(),
        log_p_x_z_shuffled=log_likelihood(model, rows, z[0, others]).numpy(),
        log_p_x_z_prior=log_likelihood(model, rows, torch.randn_like(mean)).numpy(),
        shuffled_from=others.numpy(),
        tokens=[len(row) for row in rows],
        metadata={"model": "LangVAE", "versions": {"langvae": "0.6.13", "torch": torch.__version__}},
    )


def main() -> None:
    """Train, write the file, and print the numbers of LangVAE."""
    parser = argparse.ArgumentParser()
    for name in ("--train", "--texts", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    training, texts = read_texts(given.train, most=10_000, words=14), read_texts(given.texts, most=256, words=14)
    folder = given.out.parent / "networks"
    if not folder.exists():
        tiny_networks(folder, training)
    model = build(folder)
    ids = model.decoder.tokenizer
    train(model, [ids(text)["input_ids"] for text in training])
    rows = [ids(text)["input_ids"] for text in texts]
    fill(model, rows, texts, given.out)
    with torch.no_grad():
        said = model({"data": one_hot(rows, ids.vocab_size)})
    for name in ("loss", "recon_loss", "reg_loss"):
        print(f"{name}: {said[name].item():.3f}")


if __name__ == "__main__":
    main()
