"""An encoder and a decoder with vocabularies of their own: BERT-like with GPT-2-like and Llama-like."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Fast

from vaescope import load
from vaescope.config import ModelConfig, parse_config
from vaescope.corpora.known.template import Template
from vaescope.corpora.tokenized import tokenize
from vaescope.corpora.tokenizer import complete, saved_tokenizer, train_bpe
from vaescope.errors import UserError
from vaescope.model import TransformerVAE, build_model
from vaescope.model.checkpoints.hub import copy_published, published_files
from vaescope.sweep.encode import encode
from vaescope.sweep.simulate import plain, simulate
from vaescope.sweep.sweep import sweep
from vaescope.training.loop import train

TEXTS = Template().sample(80, seed=0)
DECODERS = ["gpt2", "llama"]


def wordpiece(folder):
    """Lower case, like BERT's."""
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    plain = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    plain.normalizer, plain.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    plain.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=list(special.values()), show_progress=False)
    plain.train_from_iterator(TEXTS, trainer)
    tokenizer = Fast(tokenizer_object=plain, **special)
    tokenizer.save_pretrained(folder)
    return tokenizer


def byte_bpe(folder, **special):
    """Bytes, without a padding token, like GPT-2's (one token ends and begins) and Llama's."""
    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer, plain.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=list(set(special.values())), initial_alphabet=alphabet, show_progress=False
    )
    plain.train_from_iterator(TEXTS, trainer)
    tokenizer = Fast(tokenizer_object=plain, **special)
    tokenizer.save_pretrained(folder)
    return tokenizer


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Tiny checkpoints of three families with their own tokenizers; the decoders have no padding token."""
    root = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    words = wordpiece(root / "bert")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    bert = BertConfig(vocab_size=len(words), max_position_embeddings=200, **sizes)
    BertModel(bert, add_pooling_layer=False).save_pretrained(root / "bert")
    ends = byte_bpe(root / "gpt2", bos_token="<|end|>", eos_token="<|end|>")
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(ends), n_positions=60, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    ).save_pretrained(root / "gpt2")
    pair = byte_bpe(root / "llama", bos_token="<s>", eos_token="</s>")
    ids = {"bos_token_id": pair.bos_token_id, "eos_token_id": pair.eos_token_id, "pad_token_id": None}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(pair), **sizes, max_position_embeddings=60, **ids)).save_pretrained(
        root / "llama"
    )
    return root


def built(checkpoints, decoder, **options):
    sides = {"encoder": str(checkpoints / "bert"), "decoder": str(checkpoints / decoder), "tie": False}
    tokenizer = saved_tokenizer(str(checkpoints / decoder), "tokenizer.path")
    return build_model(ModelConfig(latent_size=3, **{**sides, **options}), tokenizer, 40).eval(), tokenizer


@pytest.mark.parametrize("decoder", DECODERS)
def test_each_side_reads_its_own_tokens(checkpoints, decoder):
    model, tokenizer = built(checkpoints, decoder)
    split = model.readable(tokenize(TEXTS[:6], tokenizer, max_length=40))
    batch = split.batch([4, 1])
    own = saved_tokenizer(str(checkpoints / "bert"), "")
    for row, index in enumerate((4, 1)):
        for side, vocabulary in ((batch, tokenizer), (batch.encoder, own)):
            inner = vocabulary(TEXTS[index], add_special_tokens=False).input_ids
            ids = side.input_ids[row][side.attention_mask[row].bool()].tolist()
            assert ids == [vocabulary.bos_token_id, *inner, vocabulary.eos_token_id]
    with torch.no_grad():
        mean = model.encode(split.batch([1])).mean
        torch.testing.assert_close(mean, model.encode(batch).mean[1:], atol=1e-4, rtol=0)
        alone = model.log_likelihood(split.batch([1]), torch.zeros(1, 3))
        torch.testing.assert_close(alone, model.log_likelihood(batch, torch.zeros(2, 3))[1:], atol=1e-4, rtol=0)
    with pytest.raises(UserError, match=r"make batches of model\.readable"):
        model.encode(tokenize(TEXTS[:2], tokenizer, max_length=40).batch([0]))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_checkpoint_without_a_padding_token_is_used_as_it_is(checkpoints, decoder):
    model, tokenizer = built(checkpoints, decoder)
    assert tokenizer.pad_token is None
    assert model.decoder.get_input_embeddings().weight.shape[0] == len(tokenizer)
    split = tokenize(TEXTS[:4], tokenizer, max_length=40)
    single, padded = split.batch([0]), split.batch([0, 1, 2, 3])
    with torch.no_grad():
        own = model.decoder(single.input_ids).logits[0, :-1].log_softmax(-1)
        # at the start the injections add almost nothing: take them out
        for parameter in model.injections.parameters():
            parameter.zero_()
        expected = conditioned(model, single)
        assert own.shape[0] == single.tokens[0]
        torch.testing.assert_close(model.log_likelihood(padded, torch.zeros(4, 3))[:1], expected, atol=1e-4, rtol=0)
    drawn = model.sample(torch.randn(8, 3))
    inside = drawn.input_ids[:, 1:][drawn.attention_mask[:, 1:].bool()]
    assert drawn.finished.sum() == (inside == tokenizer.eos_token_id).sum()


def conditioned(model, batch):
    logits = model(batch.input_ids, latents=torch.zeros(1, 3)).logits[:, :-1].log_softmax(-1)
    return logits.gather(2, batch.input_ids[:, 1:, None]).sum((1, 2))


@pytest.mark.parametrize("decoder", DECODERS)
def test_drawn_texts_are_read_by_both_sides(checkpoints, decoder):
    model, tokenizer = built(checkpoints, decoder)
    split = tokenize(TEXTS[:12], tokenizer, max_length=40)
    draws = sweep(model, split, samples=2)
    torch.testing.assert_close(draws.posterior_mean, encode(model, split).mean)
    simulations, texts = simulate(model, tokenizer, draws, count=8)
    torch.testing.assert_close(encode(model, texts).mean, simulations.draws.posterior_mean)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_drawn_text_ends_by_eos_even_where_eos_also_begins_and_pads(checkpoints, decoder):
    model, tokenizer = built(checkpoints, decoder)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    ids = torch.tensor([[bos, 7, eos, eos], [bos, 7, 8, eos]])
    part = {"input_ids": ids, "attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])}
    assert plain(part, model).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_tokenizer": "llama"}, r"model\.encoder_tokenizer: .*llama' has another vocabulary than the encoder"),
        ({"tie": True}, r"vocabularies of .*bert' and .*gpt2'.*set model\.tie=false"),
        ({"encoder_tokenizer": "none"}, r"model\.encoder_tokenizer: no tokenizer at"),
    ],
)
def test_a_wrong_pair_is_refused_by_name(checkpoints, options, message):
    if "encoder_tokenizer" in options:
        options = {"encoder_tokenizer": str(checkpoints / options["encoder_tokenizer"])}
    with pytest.raises(UserError, match=message) as caught:
        built(checkpoints, "gpt2", **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_decoder_with_the_tokenizer_of_another_is_refused(checkpoints, decoder):
    other = train_bpe(TEXTS, 261)
    config = ModelConfig(encoder=str(checkpoints / "bert"), decoder=str(checkpoints / decoder), tie=False)
    with pytest.raises(UserError, match=rf"has another vocabulary than the decoder .*; set tokenizer.path=.*{decoder}"):
        build_model(config, other, 24)


def test_a_new_encoder_can_have_another_tokenizer(checkpoints):
    side = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model, _ = built(checkpoints, "gpt2", encoder=side, encoder_tokenizer=str(checkpoints / "bert"))
    assert model.encoder.config.vocab_size == len(saved_tokenizer(str(checkpoints / "bert"), ""))
    model, tokenizer = built(checkpoints, "gpt2", encoder=side)
    assert model.encoder_tokenizer is None
    with torch.no_grad():
        q = model.encode(tokenize(TEXTS[:3], tokenizer, max_length=40).batch([0, 1, 2]))
    assert q.mean.isfinite().all()


def test_one_checkpoint_on_both_sides_has_one_vocabulary(checkpoints):
    gpt2 = str(checkpoints / "gpt2")
    model, _ = built(checkpoints, "gpt2", encoder=gpt2, pooling="last")
    assert model.encoder_tokenizer is None
    assert model.config.encoder_text_length is None


def config_of(checkpoints, decoder, out, **training):
    return parse_config(
        {
            "data": {"known": "template", "sizes": [60, 20, 20], "max_length": 24},
            "model": {
                "encoder": str(checkpoints / "bert"),
                "decoder": str(checkpoints / decoder),
                "latent_size": 3,
                "tie": False,
            },
            "training": {
                "steps": 4,
                "batch_size": 4,
                "validate_every": 4,
                "save_every": 2,
                "log_every": 2,
                "tracker": "none",
                "precision": "fp32",
                "validation_texts": 8,
                **training,
            },
            "assessment": {"samples": 2, "at_validation": False},
            "out": str(out),
        }
    )


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_run_trains_resumes_loads_and_reads(checkpoints, decoder, tmp_path, monkeypatch):
    whole = train(config_of(checkpoints, decoder, tmp_path / "whole"))
    assert (
        saved_tokenizer(str(whole.tokenizer), "").get_vocab()
        == complete(saved_tokenizer(str(checkpoints / decoder), "")).get_vocab()
    )
    vae = load(whole.path)
    assert vae.model.encoder_tokenizer is not None
    assert len(vae.reconstruct(TEXTS[:2])) == 2
    assert vae.encode(TEXTS[:3]).mean.isfinite().all()
    assert len(vae.sample(2)) == 2
    again = TransformerVAE.from_pretrained(whole.model).eval()
    assert again.encoder_tokenizer.get_vocab() == vae.model.encoder_tokenizer.get_vocab()
    copy_published(whole.model, tmp_path / "published")
    assert {"encoder_tokenizer"} <= {file.parent.name for file in published_files(tmp_path / "published")}
    torch.testing.assert_close(load(tmp_path / "published").encode(TEXTS[:2]).mean, vae.encode(TEXTS[:2]).mean)
    killed = tmp_path / "killed"

    def stop(trainer):
        raise KeyboardInterrupt

    from vaescope.training.trainer import Trainer

    advance = Trainer.advance
    monkeypatch.setattr(Trainer, "advance", lambda self: stop(self) if self.step == 3 else advance(self))
    with pytest.raises(KeyboardInterrupt):
        train(config_of(checkpoints, decoder, killed))
    monkeypatch.setattr(Trainer, "advance", advance)
    resumed = train(config_of(checkpoints, decoder, killed))
    lines = [[json.dumps(line.get("loss")) for line in run.metrics("train")] for run in (whole, resumed)]
    assert lines[0] == lines[1]
