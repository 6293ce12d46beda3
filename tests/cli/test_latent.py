"""The commands of the latent space: their tables, their files and their mistakes."""

import json
import shutil
import sys

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import vaescope
from vaescope.cli import app, main
from vaescope.cli.commands.latent import COMMANDS
from vaescope.config import ModelConfig
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.model import build_model
from vaescope.model.vae import TransformerVAE

TEXTS = ["the sea is deep", "the sky is wide", "a cat [red] sits"]
runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tokenizer = train_bpe(TEXTS, 280)
    small = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = build_model(ModelConfig(encoder={**small, "intermediate_size": 32}, latent_size=3), tokenizer, 16)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "tokenizer")
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": {"path": str(folder / "train.txt")}}), encoding="utf-8")
    (folder / "train.txt").write_text("\n".join(TEXTS * 7) + "\n", encoding="utf-8")
    return folder


def call(*arguments):
    done = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_encode_shows_units_and_writes_what_decode_reads(run, tmp_path):
    output = call("encode", run, *TEXTS, "--out", tmp_path / "codes.safetensors")
    assert all(text in output for text in TEXTS)
    assert output.count("rate (nats)") == 3
    written = load_file(tmp_path / "codes.safetensors")
    vae = vaescope.load(run)
    assert torch.equal(written["posterior_mean"], vae.encode(TEXTS).mean)
    texts = call("decode", run, tmp_path / "codes.safetensors").splitlines()
    assert texts == [line for text in vae.reconstruct(TEXTS) for line in text.splitlines()]


def test_score_writes_numbers_of_each_text_and_shows_their_means(run, tmp_path):
    output = call("score", run, run / "train.txt", "--samples", 4, "--out", tmp_path / "s.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == TEXTS * 7
    mean = sum(row["rate"] for row in rows) / len(rows)
    assert f"{mean:.3f} ±" in output
    assert "log_likelihood  ≥" in output


def test_options_of_generation_are_stated_as_no_draws_and_kept(run, tmp_path):
    save_file({"z": torch.zeros(2, 3)}, tmp_path / "z.safetensors")
    arguments = ["decode", str(run), str(tmp_path / "z.safetensors"), "--beams", "2", "--min-length", "6"]
    done = runner.invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "beams 2, min_length 6: these texts are not draws of p(x|z)" in done.stderr
    assert len({*done.stdout.splitlines()}) == 1
    plain = runner.invoke(app, arguments[:3], catch_exceptions=False)
    assert "not draws" not in plain.stderr
    call("reconstruct", run, TEXTS[0], "--no-repeat", 2)


def test_sampled_decoding_follows_its_seed(run, tmp_path):
    save_file({"z": torch.zeros(4, 3)}, tmp_path / "z.safetensors")
    first, again, other = (
        call("decode", run, tmp_path / "z.safetensors", "--temperature", 1, "--seed", seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_seed_draws_the_same_texts_from_the_command_and_from_python(run):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    shown = call("sample", run, "-n", 3, "--seed", 4).splitlines()
    drawn = vaescope.load(run).sample(3, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert shown == [" ".join(text.split()) for text in drawn] != vaescope.load(run).sample(3, seed=5)


def test_tables_show_the_texts_as_they_are(run):
    output = call("reconstruct", run / "model", *TEXTS)
    assert "reconstruction" in output
    assert "a cat [red] sits" in output
    output = call("interpolate", run, *TEXTS[:2], "--steps", 5, "--path", "spherical")
    assert all(t in output for t in ("0.00", "0.25", "0.50", "0.75", "1.00", *TEXTS[:2]))
    output = call("analogy", run, *TEXTS)
    assert all(text in output for text in TEXTS)
    output = call("traverse", run, TEXTS[0], "--unit", 2, "--values", "-2,0,2.5")
    assert all(value in output for value in ("z[2]", "-2", "2.5"))


def test_neighbours_come_from_the_run_or_from_a_file(run, tmp_path):
    output = call("neighbours", run, TEXTS[1], "-k", 2)
    assert output.count(TEXTS[1]) == 3
    (tmp_path / "mine.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    output = call("neighbours", run, TEXTS[1], "-k", 3, "--among", tmp_path / "mine.txt")
    assert all(text in output for text in TEXTS)
    assert "0.00" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("encode", "RUN", " "), "text 1 of 1 is empty"),
        (("traverse", "RUN", "a", "--unit", "9"), "unit 9: the model has 3 latent units, 0 to 2"),
        (("traverse", "RUN", "a", "--unit", "0", "--values", "1,b"), "numbers separated by commas"),
        (("interpolate", "RUN", "a", "b", "--path", "liner"), "did you mean 'linear'"),
        (("decode", "RUN", "nowhere.safetensors"), "nowhere.safetensors: not a safetensors file"),
        (("neighbours", "RUN", "a", "--among", "nowhere.txt"), "nowhere.txt"),
        (("reconstruct", "CORPUS", "a"), "neither a run with a trained model"),
        (("push", "CORPUS", "me/it"), "not a run with a trained model"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, monkeypatch, capsys, arguments, says):
    places = {"RUN": str(run), "CORPUS": str(tmp_path)}
    monkeypatch.setattr(sys, "argv", ["vaescope", *(places.get(a, a) for a in arguments)])
    with pytest.raises(SystemExit) as stop:
        main()
    line = capsys.readouterr().err
    assert stop.value.code == 1
    assert says in line
    assert line.count("\n") == 1


def test_every_command_explains_itself():
    for command in COMMANDS:
        assert command.__doc__.splitlines()[0] in " ".join(call(command.__name__, "--help").split())


def test_push_shows_or_copies_the_files_to_publish(run, tmp_path):
    before = {file: file.read_bytes() for file in (run / "model").iterdir()}
    shown = call("push", run, "me/it", "--dry-run", "--licence", "mit")
    assert "license: mit" in shown
    assert "model.safetensors" in shown
    assert "nothing was published" in shown
    assert before == {file: file.read_bytes() for file in (run / "model").iterdir()}
    call("push", run, "--to", tmp_path / "out", "--licence", "mit")
    assert {file.name for file in (tmp_path / "out").iterdir()} >= {"README.md", "config.json", "model.safetensors"}
    refused = CliRunner().invoke(app, ["push", str(run), "--to", str(tmp_path / "out")])
    assert "not an empty folder" in str(refused.exception)


@pytest.mark.parametrize(
    ("file", "key", "value", "says"),
    [
        ("tokenizer_config.json", "model_max_length", "x", "no tokenizer that can be read"),
        ("config.json", "pooling", True, r"config\.json: unknown pooling .True."),
        ("config.json", "latent_size", "x", r"config\.json"),
    ],
)
def test_a_damaged_setting_of_the_model_folder_is_named(run, tmp_path, file, key, value, says):
    shutil.copytree(run / "model", tmp_path / "model")
    path = tmp_path / "model" / file
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), key: value}), encoding="utf-8")
    with pytest.raises(UserError, match=says):
        vaescope.load(tmp_path / "model")


def test_a_config_nested_beyond_reading_is_refused(run, tmp_path):
    shutil.copytree(run / "model", tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(UserError):
        vaescope.load(tmp_path / "model")
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        TransformerVAE.from_pretrained(tmp_path / "model")


def test_options_of_neighbours_that_cannot_be_met_name_the_option(run):
    for arguments, says in (
        (("-k", "99"), "-k 99: more than there are"),
        (("--column", "a"), "no effect without --among"),
    ):
        with pytest.raises(UserError, match=says):
            call("neighbours", run, TEXTS[0], *arguments)
