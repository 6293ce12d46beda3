"""The model card agrees with the files of the run, publishes no path, and is pushed with weights and tokenizer."""

import json
import shutil

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalTokenNotFoundError

import vaescope
from vaescope.config import ModelConfig, parse_config
from vaescope.corpora.tokenizer import train_bpe
from vaescope.errors import UserError
from vaescope.model import build_model
from vaescope.model.checkpoints.card import refresh_card, write_card
from vaescope.model.checkpoints.hub import push_to_hub

RAW = {
    "data": {"path": "/home/someone/private/letters", "max_length": 32},
    "model": {"encoder": {"model_type": "roberta", "hidden_size": 16}, "latent_size": 3, "prior": {"mixture": {}}},
    "objective": {"preset": "mdr", "rate": 8},
    "out": "/home/someone/runs/letters",
}
CONFIG = parse_config(RAW).model_dump(mode="json")
ENVIRONMENT = {
    "time": "2026-01-02T03:04:05+00:00",
    "command": "/home/someone/bin/vaescope train",
    "git": "abc123",
    "packages": {"vaescope": "0.1.0", "torch": "2.13.0", "numpy": "2.3"},
    "accelerators": ["NVIDIA H200"],
}
ASSESSMENT = {
    "estimates": {
        "rate": {
            "value": 8.0312,
            "se": 0.05,
            "low": 7.93,
            "high": 8.13,
            "unit": "nats/text",
            "kind": "unbiased",
            "n": 9,
        },
        "marginal_kl": {"value": None, "se": 0.0, "low": 0.1, "high": 0.4, "unit": "nats", "kind": "interval", "n": 9},
    },
    "findings": [{"name": "latent_use", "verdict": "PASS", "message": "rate 8.0 nats | 3 of 3 units"}],
    "metadata": {"texts": 9, "samples": 4, "split": "valid"},
}


def card_of(tmp_path, **options):
    return write_card(tmp_path, config=CONFIG, environment=ENVIRONMENT, **options).read_text(encoding="utf-8")


def test_a_card_describes_the_model(tmp_path):
    text = card_of(tmp_path)
    for words in (
        "new: model_type roberta, hidden_size 16",
        "| latent units | 3 |",
        '{"mixture": {}}',
        "Texts of `letters`",
        "Longest text: 32 tokens",
        "preset: mdr",
        "| steps | 5000 |",
        "| torch | 2.13.0 |",
        "NVIDIA H200",
        "Not assessed yet",
        'vae = load("FOLDER")',
    ):
        assert words in text


def test_a_card_publishes_no_path(tmp_path):
    config = parse_config(RAW | {"model": {"encoder": "/home/someone/models/roberta-mine"}}).model_dump(mode="json")
    text = write_card(tmp_path, config=config, environment=ENVIRONMENT, assessment=ASSESSMENT).read_text()
    assert "someone" not in text
    assert "pre-trained: roberta-mine" in text
    config = parse_config(RAW | {"model": {"encoder": "owner/model"}}).model_dump(mode="json")
    assert "pre-trained: owner/model" in write_card(tmp_path, config=config, environment={}).read_text()


def test_a_card_shows_the_assessment_as_tables(tmp_path):
    text = card_of(tmp_path, assessment=ASSESSMENT)
    assert "9 texts of the split valid, 4 samples each." in text
    assert "| rate | 8.031 | 0.05 | [7.93, 8.13] | nats/text | unbiased |" in text
    assert "| marginal_kl |  | 0 | [0.1, 0.4] | nats | interval |" in text
    assert "| PASS | latent_use | rate 8.0 nats \\| 3 of 3 units |" in text


def test_the_licence_is_never_invented_and_is_kept(tmp_path):
    assert "No licence has been named" in card_of(tmp_path)
    assert ModelCard.load(tmp_path / "README.md").data.license == "unknown"
    card_of(tmp_path, licence="apache-2.0")
    card_of(tmp_path, assessment=ASSESSMENT)
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "apache-2.0"
    assert "vaescope" in card.data.tags
    assert "`apache-2.0`" in card.text


@pytest.mark.parametrize("data", [{"known": "topic_pcfg"}, {"hub": "owner/data"}])
def test_every_source_of_texts_is_named(tmp_path, data):
    config = parse_config(RAW | {"data": data}).model_dump(mode="json")
    text = write_card(tmp_path, config=config, environment={}).read_text(encoding="utf-8")
    assert next(iter(data.values())) in text


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tokenizer = train_bpe(["a text"], 280)
    small = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = build_model(ModelConfig(encoder={**small, "intermediate_size": 32}, latent_size=3), tokenizer, 16)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(ENVIRONMENT), encoding="utf-8")
    return folder


def test_the_card_of_a_run_follows_its_files(run):
    assert "Not assessed yet" in refresh_card(run).read_text(encoding="utf-8")
    (run / "assessment.json").write_text(json.dumps(ASSESSMENT), encoding="utf-8")
    assert "| rate | 8.031" in refresh_card(run, licence="mit").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["assessment.json", "environment.json"])
@pytest.mark.parametrize(
    "content",
    ["", "null", "[1]", '{"estimates": [1], "packages": [1]}', '{"metadata": [1], "packages": 5}', "[" * 100_000],
)
def test_a_card_of_damaged_files_names_the_file(run, tmp_path, file, content):
    run = shutil.copytree(run, tmp_path / "run")
    before = (run / "model" / "README.md").exists()
    (run / file).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=file.replace(".", r"\.")) as caught:
        refresh_card(run)
    assert "\n" not in str(caught.value)
    assert (run / "model" / "README.md").exists() == before


def test_a_folder_that_is_not_a_run_has_no_card(tmp_path):
    with pytest.raises(UserError, match="not a run with a trained model"):
        refresh_card(tmp_path)


class LocalHub:
    """A folder in place of the hub."""

    def __init__(self, monkeypatch, folder):
        self.folder, self.private = folder, None
        monkeypatch.setattr("huggingface_hub.HfApi.create_repo", self.create_repo)
        monkeypatch.setattr("huggingface_hub.HfApi.upload_folder", self.upload_folder)

    def create_repo(self, repo_id, *, private, exist_ok):
        self.private = private
        return type("Repository", (), {"repo_id": repo_id})

    def upload_folder(self, *, folder_path, repo_id, allow_patterns, commit_message):
        self.folder.mkdir(parents=True)
        for pattern in allow_patterns:
            for file in folder_path.glob(pattern):
                (self.folder / file.name).write_bytes(file.read_bytes())


def test_weights_tokenizer_and_card_go_to_the_hub_together(run, tmp_path, monkeypatch):
    refresh_card(run, licence="mit")
    (run / "model" / "notes.pkl").write_bytes(b"not for publication")
    hub = LocalHub(monkeypatch, tmp_path / "hub")
    assert push_to_hub(run / "model", "someone/letters") == "https://huggingface.co/someone/letters"
    assert hub.private is True
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= {f.name for f in hub.folder.iterdir()}
    assert not (hub.folder / "notes.pkl").exists()
    here, there = vaescope.load(run), vaescope.load(hub.folder)
    assert torch.equal(here.encode(["a text"]).mean, there.encode(["a text"]).mean)
    assert ModelCard.load(hub.folder / "README.md").data.license == "mit"


@pytest.mark.parametrize("is_private", [True, False])
def test_public_repository_is_never_taken_for_a_private_one(run, monkeypatch, tmp_path, is_private):
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    def there(*_, **__):
        raise HfHubHTTPError(
            "409", response=httpx2.Response(409, request=httpx2.Request("POST", "https://hub.invalid"))
        )

    refresh_card(run)
    hub = LocalHub(monkeypatch, tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", there)
    found = type("Info", (), {"private": is_private, "id": "someone/letters"})
    monkeypatch.setattr("huggingface_hub.HfApi.repo_info", lambda *_, **__: found)
    if is_private:
        assert push_to_hub(run / "model", "someone/letters").endswith("someone/letters")
    else:
        with pytest.raises(UserError, match="exists on the hub and is public; give --public"):
            push_to_hub(run / "model", "someone/letters")
        assert push_to_hub(run / "model", "someone/letters", private=False).endswith("someone/letters")
    assert (hub.folder / "README.md").exists()


def test_no_network_is_one_line(run, monkeypatch):
    import httpx2

    def unreachable(*_, **__):
        raise httpx2.ConnectError("[Errno 111]\nConnection refused")

    refresh_card(run)
    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", unreachable)
    with pytest.raises(UserError, match=r"cannot be reached \(nothing was published\).*someone/letters") as caught:
        push_to_hub(run / "model", "someone/letters")
    assert "\n" not in str(caught.value)


def test_an_incomplete_or_refused_push_is_one_line(run, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"no config.json, tokenizer.json, README.md, model.safetensors"):
        push_to_hub(tmp_path, "someone/letters")

    def refuse(*_, **__):
        raise LocalTokenNotFoundError("no token:\nlog in first")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", refuse)
    refresh_card(run)
    with pytest.raises(UserError, match="the hub refuses 'someone/letters': no token: log in first"):
        push_to_hub(run / "model", "someone/letters")
