"""Models from configurations: new, from checkpoints, and every mistake in one line."""

import json

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSeq2SeqLM,
    BertConfig,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from vaescope.config import ModelConfig
from vaescope.corpora.batch import Batch
from vaescope.corpora.tokenized import tokenize
from vaescope.errors import UserError
from vaescope.model import TransformerVAE, build_model

WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "c", "d"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture
def tokenizer():
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


@pytest.mark.parametrize("family", ["roberta", "bert"])
def test_a_new_model_takes_vocabulary_and_positions_from_the_texts(tokenizer, family):
    model = build_model(ModelConfig(encoder={"model_type": family, **SMALL}), tokenizer, max_length=20)
    assert isinstance(model, TransformerVAE)
    assert model.config.decoder.vocab_size == 8
    ids = torch.zeros(1, 20, dtype=torch.long)
    assert model(ids, latents=torch.zeros(1, 32)).logits.shape == (1, 20, 8)


@pytest.mark.parametrize("family", ["roberta", "bert", "gpt2", "llama"])
def test_a_new_model_reads_a_tokenizer_without_padding(family):
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<end>", "a", "b"])}, unk_token="<end>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    like_gpt2 = PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<end>", eos_token="<end>", unk_token="<end>")
    encoder, decoder = {"model_type": "bert", **SMALL}, {"model_type": family, **SMALL}
    if family == "gpt2":
        del decoder["intermediate_size"]
    settings = ModelConfig(encoder=encoder, decoder=decoder, tie=False, latent_size=3)
    model = build_model(settings, like_gpt2, max_length=10).eval()
    texts = tokenize(["a b a", "b"], like_gpt2, max_length=10)
    z = torch.randn(2, 3)
    together = model.log_likelihood(texts.batch([0, 1]), z)
    apart = [model.log_likelihood(texts.batch([i]), z[[i]]).item() for i in (0, 1)]
    assert together.tolist() == pytest.approx(apart, abs=1e-4)
    own = build_model(ModelConfig(encoder={"model_type": "roberta", **SMALL}, latent_size=3), like_gpt2, max_length=10)
    apart = [own.eval().encode(texts.batch([i])).mean for i in (0, 1)]
    torch.testing.assert_close(own.encode(texts.batch([0, 1])).mean, torch.cat(apart), atol=1e-5, rtol=0)


def test_sides_of_different_families(tokenizer):
    config = ModelConfig(
        encoder={"model_type": "bert", **SMALL},
        decoder={"model_type": "gpt2", "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2},
        tie=False,
        latent_size=3,
    )
    model = build_model(config, tokenizer, max_length=10)
    assert model.sample(torch.randn(2, 3)).input_ids.shape[0] == 2


def test_checkpoints_bring_their_weights(tokenizer, tmp_path):
    torch.manual_seed(0)
    encoder = RobertaModel(
        RobertaConfig(vocab_size=8, pad_token_id=1, max_position_embeddings=24, **SMALL), add_pooling_layer=False
    )
    decoder = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_embd=16, n_layer=1, n_head=2, n_positions=24))
    encoder.save_pretrained(tmp_path / "encoder")
    decoder.save_pretrained(tmp_path / "decoder")
    config = ModelConfig(encoder=str(tmp_path / "encoder"), decoder=str(tmp_path / "decoder"), tie=False)
    model = build_model(config, tokenizer, max_length=20)
    for part, source in ((model.encoder, encoder), (model.decoder, decoder)):
        state = part.state_dict()
        assert all(torch.equal(state[name], value) for name, value in source.state_dict().items())


def test_one_tied_checkpoint_serves_both_sides(tokenizer, tmp_path):
    torch.manual_seed(0)
    from transformers import RobertaForMaskedLM

    whole = RobertaForMaskedLM(RobertaConfig(vocab_size=8, pad_token_id=1, max_position_embeddings=24, **SMALL))
    whole.save_pretrained(tmp_path)
    model = build_model(ModelConfig(encoder=str(tmp_path)), tokenizer, max_length=20)
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.equal(model.encoder.get_parameter(name), whole.roberta.get_parameter(name))
    assert model.encoder.get_parameter(name) is model.decoder.roberta.get_parameter(name)
    model.save_pretrained(tmp_path / "vae")
    again = AutoModel.from_pretrained(tmp_path / "vae")
    assert isinstance(again, TransformerVAE)
    assert again.encoder.get_parameter(name) is again.decoder.roberta.get_parameter(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": {**SMALL}}, "needs its model_type"),
        ({"encoder": {"model_type": "robeta"}}, "no model_type 'robeta'"),
        ({"encoder": {"model_type": "roberta", "hidden_sise": 8}}, "did you mean 'hidden_size'"),
        ({"encoder": "no/such/checkpoint"}, "neither a model folder nor a reachable hub name"),
        ({"injection": "memry"}, "did you mean 'memory'"),
        ({"injection": {"memory": {"slot": 2}}}, "did you mean 'slots'"),
        ({"injection": {"memory": {"slots": 0}}}, "slots must be at least 1"),
        ({"injection": {"embedding": {"x": 2}}}, "option"),
        ({"prior": "standrd"}, "did you mean 'standard'"),
        ({"decoder": {"model_type": "gpt2"}}, "set model.tie=false"),
    ],
)
def test_mistakes_are_one_line(tokenizer, options, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=message) as caught:
        build_model(ModelConfig(**{"encoder": {"model_type": "roberta", **SMALL}, **options}), tokenizer, 16)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_does_not_fit_is_refused(tokenizer, tmp_path):
    small = {**SMALL, "max_position_embeddings": 12}
    RobertaModel(RobertaConfig(vocab_size=8, pad_token_id=1, **small)).save_pretrained(tmp_path / "short")
    with pytest.raises(UserError, match=r"positions for 10 tokens, but data.max_length is 16"):
        build_model(ModelConfig(encoder=str(tmp_path / "short")), tokenizer, 16)
    AutoModel.from_config(BertConfig(vocab_size=5, max_position_embeddings=20, **SMALL)).save_pretrained(
        tmp_path / "few"
    )
    with pytest.raises(UserError, match="5 token embeddings, but the tokenizer has 8"):
        build_model(ModelConfig(encoder=str(tmp_path / "few")), tokenizer, 16)


def test_a_checkpoint_in_bfloat16_or_in_shards_is_read_in_float32(tokenizer, tmp_path):
    torch.manual_seed(0)
    decoder = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_embd=16, n_layer=2, n_head=2, n_positions=24)).bfloat16()
    decoder.save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    side = {"model_type": "roberta", **SMALL}
    model = build_model(ModelConfig(encoder=side, decoder=str(tmp_path), tie=False), tokenizer, max_length=20)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.decoder.transformer.wte.weight, decoder.transformer.wte.weight.float())


@pytest.mark.parametrize(
    "options", [{"quant_method": "bitsandbytes", "load_in_4bit": True}, {"quant_method": "gptq", "bits": 8}]
)
def test_a_checkpoint_of_8_or_4_bits_is_refused_in_one_line(tokenizer, tmp_path, options):
    decoder = GPT2LMHeadModel(GPT2Config(vocab_size=8, n_embd=16, n_layer=2, n_head=2, n_positions=24))
    decoder.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text()) | {"quantization_config": options}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    side = {"model_type": "roberta", **SMALL}
    with pytest.raises(UserError, match=f"quantised weights .{options['quant_method']}.") as caught:
        build_model(ModelConfig(encoder=side, decoder=str(tmp_path), tie=False), tokenizer, max_length=20)
    assert "\n" not in str(caught.value)


def test_a_gguf_file_without_its_package_names_the_extra(tokenizer, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = ModelConfig(encoder={"model_type": "roberta", **SMALL}, decoder="folder/weights.gguf", tie=False)
    with pytest.raises(UserError, match=r"pip install 'vaescope\[gguf\]'"):
        build_model(config, tokenizer, max_length=20)


@pytest.mark.parametrize("family", ["t5", "bart"])
def test_an_encoder_decoder_checkpoint_is_an_encoder(family, tokenizer, tmp_path):
    """And as a decoder it works without its encoder (BART), or is refused in one line (T5)."""
    sizes = {
        "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2},
        "bart": {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "max_position_embeddings": 30}
        | dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
        | dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 32),
    }[family]
    config = AutoConfig.for_model(
        family, vocab_size=8, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, **sizes
    )
    torch.manual_seed(0)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(tmp_path)
    new = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2}
    model = build_model(ModelConfig(encoder=str(tmp_path), decoder=new, tie=False), tokenizer, 20).eval()
    batch = Batch(
        torch.tensor([[0, 4, 5, 2], [0, 6, 2, 1]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]), torch.arange(2)
    )
    with torch.no_grad():
        means = model.encode(batch).mean
        alone = Batch(batch.input_ids[1:, :3], batch.attention_mask[1:, :3], batch.index[1:])
        torch.testing.assert_close(model.encode(alone).mean, means[1:], atol=1e-5, rtol=1e-4)
    as_decoder = ModelConfig(encoder={"model_type": "roberta", **SMALL}, decoder=str(tmp_path), tie=False)
    if family == "t5":
        with pytest.raises(UserError, match="'t5' cannot be a decoder"):
            build_model(as_decoder, tokenizer, 20)
    else:
        decoder = build_model(as_decoder, tokenizer, 20).eval()
        assert decoder.sample(torch.randn(2, 32)).input_ids.shape[0] == 2
