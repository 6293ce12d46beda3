"""The contract of q(z|x) over families of encoders, and ties of same-family pairs."""

import pytest
import torch

from vaescope.corpora.batch import Batch
from vaescope.errors import UserError
from vaescope.model import TransformerVAE
from vaescope.model.backbone import causal, decoder_from, new_config
from vaescope.model.build import tiny_model
from vaescope.model.startup_check import check_model

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 12}
TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
ENCODERS = {
    "bert": {"intermediate_size": 32, "max_position_embeddings": 16},
    "roberta": {"intermediate_size": 32, "max_position_embeddings": 16, "type_vocab_size": 1},
    "modernbert": {"intermediate_size": 32, "max_position_embeddings": 16, "cls_token_id": 0, "sep_token_id": 2},
    "t5": {"d_kv": 8, "d_ff": 32, "decoder_start_token_id": 0},
    "gpt2": {"max_position_embeddings": 16},
    "llama": {"intermediate_size": 32, "max_position_embeddings": 16},
    "qwen3": {"intermediate_size": 32, "max_position_embeddings": 16, "num_key_value_heads": 2, "head_dim": 8},
}


def config_of(family):
    return new_config({"model_type": family}, **SIZES, **ENCODERS[family], **TOKENS)


@pytest.mark.parametrize("pooling", ["first_last", "last", "mean"])
@pytest.mark.parametrize("family", ENCODERS)
def test_the_posterior_is_a_function_of_the_text_alone(family, pooling, tmp_path):
    model, batch = tiny_model(encoder=config_of(family), tie_encoder_decoder=False, pooling=pooling)
    pad = torch.ones(2, 3, dtype=torch.long)
    longer = Batch(torch.cat([batch.input_ids, pad], 1), torch.cat([batch.attention_mask, 0 * pad], 1), batch.index)
    alone = Batch(batch.input_ids[1:, :3], batch.attention_mask[1:, :3], batch.index[1:])
    other = Batch(batch.input_ids + 3 * (batch.input_ids == 8), batch.attention_mask, batch.index)
    model.save_pretrained(tmp_path)
    again = TransformerVAE.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        q, q_longer, q_alone, q_other = (model.encode(x) for x in (batch, longer, alone, other))
        assert torch.equal(again.encode(batch).mean, q.mean)
    torch.testing.assert_close(q.mean, q_longer.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(q.stddev[1:], q_alone.stddev, atol=1e-5, rtol=0)
    assert torch.equal(q.mean[0], q_other.mean[0])
    assert (q.mean[1] - q_other.mean[1]).abs().max() > 1e-5


@pytest.mark.parametrize("family", ENCODERS)
def test_a_padding_id_inside_a_text_moves_nothing(family):
    model, _ = tiny_model(encoder=config_of(family), tie_encoder_decoder=False)
    ids = torch.tensor([[0, 5, 1, 7, 2], [0, 6, 2, 1, 1]])
    both = Batch(ids, torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]), torch.arange(2))
    alone = Batch(ids[:1], both.attention_mask[:1], both.index[:1])
    with torch.no_grad():
        torch.testing.assert_close(model.encode(both).mean[:1], model.encode(alone).mean, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "llama", "qwen3"])
def test_sides_of_one_family_can_be_tied(family, tmp_path):
    config = config_of(family)
    model, batch = tiny_model(encoder=config, decoder=causal(config), tie_encoder_decoder=True)
    body = dict(model.decoder.base_model.named_parameters())
    assert all(value is body[name] for name, value in model.encoder.named_parameters())
    model.save_pretrained(tmp_path)
    again = TransformerVAE.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(again.encode(batch).mean, model.encode(batch).mean)


def test_a_seq2seq_network_cannot_be_a_decoder():
    with pytest.raises(UserError, match="'t5' cannot be a decoder; use gpt2"):
        decoder_from(causal(config_of("t5")))


@pytest.mark.parametrize("family", ENCODERS)
def test_pooling_at_the_first_token_of_a_causal_encoder_is_refused(family, caplog):
    """Causal networks have not seen the text at their first token; the others have."""
    blind = family in ("gpt2", "llama", "qwen3")
    first, half, last = (
        tiny_model(encoder=config_of(family), tie_encoder_decoder=False, pooling=pooling)[0]
        for pooling in ("first", "first_last", "last")
    )
    if blind:
        with pytest.raises(UserError, match=r"'\w+' is causal, .* set model.pooling to last or mean"):
            check_model(first)
    else:
        check_model(first)
    check_model(half)
    assert ("reads a token that has seen nothing" in caplog.text) == blind
    check_model(last)
