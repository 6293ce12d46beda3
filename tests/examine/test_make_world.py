"""A language model as a world: a grammar written as a network has exactly the numbers of the grammar."""

import fcntl
import json
import math
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

import vaescope.examine.make_world as making
from vaescope.cli import app
from vaescope.config import DataConfig, parse_config
from vaescope.corpora.corpus import read_corpus
from vaescope.corpora.known.template import Template
from vaescope.corpora.split import read_split, read_tokenizer
from vaescope.corpora.tokenized import read_tokens
from vaescope.errors import UserError
from vaescope.examine.assess_run import assess_run
from vaescope.examine.examined_run import Examined
from vaescope.examine.make_world import load_language_model, make_world
from vaescope.sweep import world_texts
from vaescope.sweep.world_texts import log_prob
from vaescope.training.loop import train

GRAMMAR = Template(topics=1, slots=4, words=6, concentration=0.7)
SIZES = {"train": 2_300, "valid": 200, "test": 500}
NEVER = -40.0


def save_grammar(folder, *, stop=0.0):
    """Save the grammar as a GPT-2 whose logits are a table of the last token; ``stop`` is the chance of another round.

    The embeddings are independent of each other and have one mean and variance, so that what the layer norm leaves of
    them can be mapped to any table of logits.
    """
    words = [word for slot in GRAMMAR._words for word in slot]
    names = ["<s>", "<pad>", "</s>", "<unk>", *words]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(folder)
    size = len(names)
    table = torch.full((size, size), NEVER)
    width, last = len(GRAMMAR._words[0]), len(GRAMMAR._words) - 1
    for slot in range(len(GRAMMAR._words)):
        before = [0] if slot == 0 else range(4 + (slot - 1) * width, 4 + slot * width)
        own = slice(4 + slot * width, 4 + (slot + 1) * width)
        for token in before:
            table[token, own] = GRAMMAR._phi_KTV[0, slot].log().float()
    for token in range(4 + last * width, size):
        table[token, 2] = math.log(1 - stop)
        if stop:
            table[token, 4 : 4 + width] = GRAMMAR._phi_KTV[0, 0].log().float() + math.log(stop)
    heads = 2
    hidden = size + 2 + (size % heads)
    config = GPT2Config(
        vocab_size=size, n_positions=32, n_embd=hidden, n_layer=1, n_head=heads, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=2, pad_token_id=1, layer_norm_epsilon=1e-5,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        embedding = torch.zeros(size, hidden)
        embedding[:, :size] = torch.eye(size)
        embedding[:, size], embedding[:, size + 1] = 1.0, -2.0
        model.transformer.wte.weight.copy_(embedding)
        for name, parameter in model.named_parameters():
            if name.endswith(("ln_1.weight", "ln_2.weight", "ln_f.weight")):
                parameter.fill_(1.0)
        scale = (embedding[0] - embedding[0].mean()).square().mean().add(1e-5).sqrt()
        model.lm_head.weight[:, :size] = scale * table.T
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _small_parts():
    with pytest.MonkeyPatch.context() as patch:
        for module in (making, "vaescope.corpora.world"):
            patch.setattr(f"{module}.CHUNK" if isinstance(module, str) else f"{module.__name__}.CHUNK", 400)
        yield


@pytest.fixture(scope="module")
def grammar(tmp_path_factory):
    return save_grammar(tmp_path_factory.mktemp("grammar") / "model")


@pytest.fixture(scope="module")
def drawn(grammar, tmp_path_factory):
    out = tmp_path_factory.mktemp("world") / "world"
    return out, make_world(grammar, out, sizes=SIZES, max_length=12)


def corpus_of(out, **options):
    config = DataConfig(world=out, max_length=12, **options)
    corpus = read_corpus(config)
    run = parse_config({"data": config.model_dump(mode="json")})
    return config, corpus, read_tokenizer(run, corpus)


def test_the_texts_have_the_probabilities_of_the_grammar(drawn):
    out, _ = drawn
    _, corpus, _ = corpus_of(out)
    for split, size in SIZES.items():
        assert len(corpus.split(split)) == size
        exact = GRAMMAR.log_prob(corpus.split(split))
        assert exact.isfinite().all()
        torch.testing.assert_close(corpus.drawn[split].log_prob, exact, atol=1e-4, rtol=0)


def test_entropy_and_frequencies_are_those_of_the_grammar(drawn):
    out, record = drawn
    entropy = record["entropy"]
    assert abs(entropy["value"] - GRAMMAR.entropy()) < 4 * entropy["se"]
    halves = record["entropy_by_split"]["train"], record["entropy_by_split"]["test"]
    assert abs(halves[0]["value"] - halves[1]["value"]) < 4 * math.hypot(halves[0]["se"], halves[1]["se"])
    assert (record["forced_share"], record["encoded_otherwise_share"]) == (0.0, 0.0)
    _, corpus, _ = corpus_of(out)
    for slot, words in enumerate(GRAMMAR._words):
        share = torch.tensor([sum(text.split()[slot] == word for text in corpus.train) for word in words])
        expected = GRAMMAR._phi_KTV[0, slot] * SIZES["train"]
        error = (expected * (1 - expected / SIZES["train"])).sqrt()
        assert ((share - expected).abs() < 4.5 * error + 1).all()


def test_texts_depend_neither_on_parts_nor_on_interruptions_nor_on_the_number_of_texts(grammar, drawn, tmp_path):
    out, _ = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world_texts, "AT_ONCE", 7)
        sizes = {"train": 450, "valid": 30, "test": 2}
        calls = []

        def stop(done, total):
            calls.append(done)
            if len(calls) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_world(grammar, tmp_path / "w", sizes=sizes, max_length=12, progress=stop)
        with pytest.raises(UserError, match="no finished world"):
            corpus_of(tmp_path / "w")
        make_world(grammar, tmp_path / "w", sizes=sizes, max_length=12)
    small, large = corpus_of(tmp_path / "w")[1], corpus_of(out)[1]
    for split, size in sizes.items():
        assert small.split(split) == large.split(split)[:size]
        torch.testing.assert_close(small.drawn[split].log_prob, large.drawn[split].log_prob[:size])
    make_world(grammar, tmp_path / "w", sizes=sizes | {"train": 900})
    assert corpus_of(tmp_path / "w")[1].train == large.train[:900]


def test_another_seed_draws_other_texts_and_another_world_is_refused(grammar, drawn, tmp_path):
    out, _ = drawn
    few = {"train": 50, "valid": 2, "test": 2}
    make_world(grammar, tmp_path / "w", sizes=few, max_length=12, seed=1)
    assert corpus_of(tmp_path / "w")[1].train != corpus_of(out)[1].train[:50]
    with pytest.raises(UserError, match="this world has seed = 1, not 0"):
        make_world(grammar, tmp_path / "w", sizes=few)
    with pytest.raises(UserError, match="not empty and no world"):
        make_world(grammar, tmp_path, sizes=few)
    with pytest.raises(UserError, match="neither a run nor a checkpoint"):
        make_world(tmp_path / "none", tmp_path / "v", sizes=few)


def test_a_start_that_was_killed_is_made_again(grammar, tmp_path, monkeypatch):
    few = {"train": 5, "valid": 2, "test": 2}

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(making, "banned_tokens", killed)
        with pytest.raises(KeyboardInterrupt):
            make_world(grammar, tmp_path / "w", sizes=few, max_length=12)
    make_world(grammar, tmp_path / "w", sizes=few, max_length=12)
    (tmp_path / "w" / "world.json").unlink()
    (tmp_path / "w" / "train-00000.safetensors").write_bytes(b"damaged")
    make_world(grammar, tmp_path / "w", sizes=few)
    assert len(corpus_of(tmp_path / "w")[1].train) == 5
    with pytest.raises(UserError, match="reads at most 12 tokens"):
        load_language_model(tmp_path / "w" / "model", 13)


def test_a_text_that_reaches_the_greatest_length_is_exact(tmp_path):
    """P of the texts cut at 8 tokens: the end of the second round is cut, and EOS costs nothing there."""
    model = save_grammar(tmp_path / "model", stop=0.5)
    record = make_world(model, tmp_path / "w", sizes={"train": 600, "valid": 2, "test": 2}, max_length=8)
    assert 0.4 < record["forced_share"] < 0.6
    _, corpus, tokenizer = corpus_of(tmp_path / "w")
    drawn = corpus.drawn["train"]
    assert drawn.counts.max() == 8
    first = GRAMMAR.log_prob([" ".join(text.split()[:4]) for text in corpus.train])
    phi = [dict(zip(words, GRAMMAR._phi_KTV[0, t].tolist(), strict=True)) for t, words in enumerate(GRAMMAR._words)]
    rest = torch.tensor(
        [sum(math.log(phi[t][word]) for t, word in enumerate(text.split()[4:])) for text in corpus.train]
    )
    torch.testing.assert_close(drawn.log_prob, first + math.log(0.5) + rest, atol=1e-4, rtol=0)
    lm, _ = load_language_model(tmp_path / "model", 8)
    banned = torch.tensor([0, 1])
    tokenized = read_split(corpus, DataConfig(world=tmp_path / "w", max_length=8), tokenizer, "train")
    torch.testing.assert_close(log_prob(lm, banned, tokenized, max_length=8), drawn.log_prob, atol=1e-4, rtol=0)


def test_a_checkpoint_without_padding_bans_no_token_and_scores_as_it_samples(tmp_path):
    backend = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["<end>", "a", "b", "c"])}, unk_token="<end>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    end = {"bos_token": "<end>", "eos_token": "<end>", "unk_token": "<end>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **end).save_pretrained(tmp_path / "model")
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=4, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "model")
    record = make_world(tmp_path / "model", tmp_path / "w", sizes={"train": 300, "valid": 2, "test": 2}, max_length=10)
    assert record["banned"] == []
    assert record["encoded_otherwise_share"] == 0
    config, corpus, tokenizer = corpus_of(tmp_path / "w")
    tokenized = read_split(corpus, config, tokenizer, "train")
    lm, _ = load_language_model(tmp_path / "model", 10)
    scored = log_prob(lm, torch.tensor([], dtype=torch.int64), tokenized, max_length=10)
    torch.testing.assert_close(scored, corpus.drawn["train"].log_prob, atol=1e-4, rtol=0)


def test_scoring_gives_a_text_outside_the_language_no_probability(drawn, grammar):
    out, record = drawn
    _, corpus, tokenizer = corpus_of(out)
    lm, _ = load_language_model(grammar, 12)
    banned = torch.tensor(record["banned"])
    assert {0, 1} <= set(record["banned"])
    assert 2 not in record["banned"]
    words = corpus.train[0].split()
    texts = [corpus.train[0], " ".join(words[::-1]), " ".join(words * 5)]
    found = log_prob(lm, banned, read_tokens(texts, tokenizer, max_length=30), max_length=12)
    torch.testing.assert_close(found[0], corpus.drawn["train"].log_prob[0], atol=1e-4, rtol=0)
    assert found[1] < NEVER / 2
    assert found[2] == -torch.inf


def run_on(out, folder, **options):
    encoder = {"model_type": "roberta", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return parse_config(
        {
            "data": {"world": str(out), "max_length": 12},
            "model": {"encoder": encoder | {"intermediate_size": 32}, "latent_size": 2},
            "training": {"steps": 4, "batch_size": 16, "tracker": "none", "validation_texts": 32, "precision": "fp32"},
            "assessment": {"at_validation": False, "samples": 4},
            "out": str(folder),
        }
        | options
    )


def test_a_run_on_a_world_has_its_joint_inconsistency_paired(drawn, tmp_path):
    out, record = drawn
    train(run_on(out, tmp_path / "run"))
    examined = Examined.load(tmp_path / "run")
    found = assess_run(examined, "test")
    e = found.estimates
    assert found.metadata["entropy"] == record["entropy"]["value"]
    assert e["joint_inconsistency"].detail["paired"]
    paired = e["rate"].value + e["distortion"].value + examined.corpus.drawn["test"].log_prob.mean().item()
    assert e["joint_inconsistency"].value == pytest.approx(paired, abs=1e-4)


def test_a_decoder_that_is_the_world_leaves_nothing(drawn, grammar, tmp_path):
    out, _ = drawn
    options = {
        "objective": "language_model",
        "model": {"encoder": str(grammar), "decoder": str(grammar), "injection": "none", "tie": False},
    }
    config = run_on(out, tmp_path / "run", **options)
    config.training.learning_rate = 1e-12
    train(config)
    found = assess_run(Examined.load(tmp_path / "run"), "test").estimates["joint_inconsistency"]
    assert abs(found.value) < 1e-3
    assert found.se < 1e-3


def test_mistakes_with_a_world_are_one_line(drawn, tmp_path):
    out, _ = drawn
    config = DataConfig(world=out, max_length=4)
    corpus = read_corpus(config)
    raw = {"data": config.model_dump(mode="json")}
    tokenizer = read_tokenizer(parse_config(raw), corpus)
    with pytest.raises(UserError, match=r"set data\.max_length=6"):
        read_split(corpus, config, tokenizer, "train")
    with pytest.raises(UserError, match=r"tokenizer\.path"):
        read_tokenizer(parse_config(raw | {"tokenizer": {"path": "elsewhere"}}), corpus)
    with pytest.raises(UserError, match="no finished world"):
        read_corpus(DataConfig(world=tmp_path))


@pytest.fixture(scope="module")
def small(grammar, tmp_path_factory):
    out = tmp_path_factory.mktemp("small") / "w"
    make_world(grammar, out, sizes={"train": 5, "valid": 2, "test": 2}, max_length=12)
    return out


TENSORS = {
    "no log-probability": lambda t: t["log_prob"].fill_(0.5),
    "NaN": lambda t: t["log_prob"].fill_(float("nan")),
    "a token below 0": lambda t: t["ids"].fill_(-1),
    "other counts": lambda t: t["counts"].add_(1),
    "float ids": lambda t: t.update(ids=t["ids"].float()),
    "fewer texts": lambda t: t.update(forced=t["forced"][:2].clone()),
    "no ids": lambda t: t.pop("ids"),
    "another tensor": lambda t: t.update(more=torch.zeros(1)),
}


@pytest.mark.parametrize("damage", TENSORS.values(), ids=TENSORS)
def test_damaged_texts_of_a_world_are_refused_with_the_file(small, tmp_path, damage):
    out = shutil.copytree(small, tmp_path / "w")
    file = out / "train-00000.safetensors"
    tensors = load_file(file)
    damage(tensors)
    save_file(tensors, file)
    with pytest.raises(UserError, match=r"train-00000\.safetensors: .*run vaescope world again"):
        read_corpus(DataConfig(world=out))


BROKEN = ["", "null", "[1]", "{}", "[" * 100_000, '{"sizes": {"train": -3}}', '{"sizes": 5}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_damaged_record_of_a_world_is_refused_with_the_file(small, tmp_path, content):
    out = shutil.copytree(small, tmp_path / "w")
    (out / "world.json").write_text(content)
    with pytest.raises(UserError, match=r"world\.json: damaged"):
        read_corpus(DataConfig(world=out))
    (out / "settings.json").write_text(content)
    with pytest.raises(UserError, match=r"settings\.json: damaged"):
        make_world(out, out, sizes={"train": 5, "valid": 2, "test": 2})


def test_a_world_is_held_by_one_process_and_grows_after_a_move(small, grammar, tmp_path):
    sizes = {"train": 6, "valid": 2, "test": 2}
    moved = shutil.copytree(grammar, tmp_path / "elsewhere")
    out = shutil.copytree(small, tmp_path / "w")
    make_world(moved, out, sizes=sizes)
    assert len(read_corpus(DataConfig(world=out)).train) == 6
    descriptor = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process works in this folder"):
            make_world(moved, out, sizes=sizes)
    finally:
        os.close(descriptor)
    other = save_grammar(tmp_path / "other", stop=0.5)
    with pytest.raises(UserError, match="this world has source"):
        make_world(other, out, sizes=sizes)


def test_the_command_draws_states_and_refuses_a_vae(grammar, drawn, tmp_path):
    sizes = ["--texts", "30", "--valid", "2", "--test", "2", "--max-length", "12"]
    done = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["world", str(grammar), "--out", str(tmp_path / "w"), *sizes])
    assert done.exit_code == 0, done.output
    assert "H(X) = " in done.output
    lines = (tmp_path / "w" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == corpus_of(drawn[0])[1].train[:30]


@pytest.mark.slow
def test_several_processes_draw_the_same_texts_as_one(grammar, drawn, tmp_path):
    make_world(grammar, tmp_path / "w", sizes={"train": 30, "valid": 2, "test": 2}, max_length=12, workers=2)
    assert corpus_of(tmp_path / "w")[1].train == corpus_of(drawn[0])[1].train[:30]
