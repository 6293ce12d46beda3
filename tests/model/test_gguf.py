"""A decoder from a GGUF file is the network that the file was made of."""

import numpy as np
import pytest
import torch
from tests.tiny_checkpoints import llama
from transformers import AutoTokenizer, LlamaForCausalLM

from vaescope.config import ModelConfig
from vaescope.corpora.tokenized import tokenize
from vaescope.model.build import build_model

gguf = pytest.importorskip("gguf", reason="GGUF files need the package gguf: pip install 'vaescope[gguf]'")

TEXTS = ["the cat sat", "a dog ran far", "the sun rose"]
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def paired(weight, heads):
    """Rows of queries and keys in the order of GGUF, in which the two halves of a rotation lie next to each other."""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def write_gguf(folder, file):
    """Write the Llama of a folder as a GGUF file in float32, without its tokenizer."""
    network = LlamaForCausalLM.from_pretrained(folder)
    config, state = network.config, {name: value.numpy() for name, value in network.state_dict().items()}
    writer = gguf.GGUFWriter(str(file), "llama")
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    tensors = {
        "token_embd.weight": state["model.embed_tokens.weight"],
        "output_norm.weight": state["model.norm.weight"],
        "output.weight": state["lm_head.weight"],
    }
    for layer in range(config.num_hidden_layers):
        for name, short in NAMES.items():
            weight = state[f"model.layers.{layer}.{name}.weight"]
            if name.endswith(("q_proj", "k_proj")):
                weight = paired(weight, config.num_attention_heads)
            tensors[f"blk.{layer}.{short}.weight"] = weight
    for name, weight in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_gives_the_same_log_likelihood_as_its_folder(tmp_path):
    folder = llama(tmp_path / "llama", TEXTS)
    file = tmp_path / "small.gguf"
    write_gguf(folder, file)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenize(TEXTS, tokenizer, max_length=40).batch(torch.arange(len(TEXTS)))
    encoder = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    found = []
    for decoder in (folder, file):
        torch.manual_seed(0)
        config = ModelConfig(
            encoder=encoder | {"intermediate_size": 16}, decoder=str(decoder), tie=False, latent_size=3
        )
        model = build_model(config, tokenizer, 40).eval()
        for part in model.injections.parameters():
            torch.nn.init.zeros_(part)  # new and random in each model
        with torch.no_grad():
            found.append(model.log_likelihood(batch, torch.zeros(len(TEXTS), 3)))
        model.save_pretrained(tmp_path / f"saved-{len(found)}")  # a network from GGUF could not be saved
    assert found[0] == pytest.approx(found[1], abs=1e-4)
