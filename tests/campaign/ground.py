"""The ground of the campaign: one finished run, its data, a study and a file of draws, copied for every case."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path

import yaml

from .case import Case, digests
from .forks import Outcome, command, remove

NETWORK = {
    "model_type": "roberta",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
CONFIG = {
    "data": {"path": "data", "max_length": 24},
    "tokenizer": {"vocab_size": 300},
    "model": {"encoder": NETWORK, "latent_size": 2},
    "objective": {"preset": "mdr", "rate": 1},
    "training": {
        "steps": 4,
        "batch_size": 4,
        "validate_every": 2,
        "save_every": 2,
        "log_every": 2,
        "tracker": "none",
        "precision": "fp32",
        "validation_texts": 8,
        "keep": {"most": 3},
        "snapshots": [0, 4],
    },
    "assessment": {"samples": 2},
}
LANGUAGE_MODEL = ("objective=language_model", "training.snapshots=[]", "training.keep=null")
STUDY = {
    "base": "config.yaml",
    "grid": {"objective": ["vae", "autoencoder"]},
    "seeds": [0],
    "out": "study",
}
WORDS = (("red", "blue", "old"), ("cat", "dog", "bird"), ("sat", "ran", "slept"))


def texts(count: int, start: int = 0) -> list[str]:
    return [
        f"the {WORDS[0][i % 3]} {WORDS[1][i // 3 % 3]} {WORDS[2][i // 9 % 3]} {i}" for i in range(start, start + count)
    ]


def without(section: dict, *keys: str) -> dict:
    """Return a copy of a nested mapping without some of its keys (``training.keep``)."""
    section = copy.deepcopy(section)
    for key in keys:
        *parents, last = key.split(".")
        inner = section
        for parent in parents:
            inner = inner[parent]
        del inner[last]
    return section


class Ground:
    """Makes the folder of a case, and carries the case out."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.cases = folder / "cases"
        self.home.mkdir(parents=True)
        self.cases.mkdir()
        data = self.home / "data"
        data.mkdir()
        for split, (start, count) in {"train": (0, 60), "valid": (60, 12), "test": (80, 12)}.items():
            (data / f"{split}.txt").write_text("\n".join(texts(count, start)) + "\n", encoding="utf-8")
        (self.home / "config.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False), encoding="utf-8")
        (self.home / "study.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False), encoding="utf-8")
        for arguments in (
            ["train", "config.yaml", "out=run"],
            ["assess", "run", "--split", "valid", "--split", "test"],
            ["train", "config.yaml", "out=lm", *LANGUAGE_MODEL],
            ["world", "lm", "--out", "w", "--texts", "30", "--valid", "8", "--test", "8", "--max-length", "12"],
        ):
            done = command(arguments, self.home)
            assert done.status == 0, done.err
        self._write_draws()

    def _write_draws(self) -> None:
        import torch

        from vaescope.evidence.draws import Draws
        from vaescope.examine.examined_run import Examined
        from vaescope.sweep.sweep import sweep

        here = os.getcwd()
        os.chdir(self.home)
        try:
            run = Examined.load(Path("run"))
            with torch.inference_mode():
                draws = sweep(run.model, run.tokenized("valid"), samples=3)
        finally:
            os.chdir(here)
        draws.save(self.home / "draws.safetensors")
        assert isinstance(Draws.load(self.home / "draws.safetensors"), Draws)

    def folder(self, case: Case, number: int) -> Path:
        """Make the folder of a case."""
        folder = self.cases / f"{number}"
        folder.mkdir()
        shutil.copy(self.home / "config.yaml", folder)
        shutil.copytree(self.home / "data", folder / "data")
        for name in ("run", "lm", "w"):
            if name in case.needs:
                shutil.copytree(self.home / name, folder / name, copy_function=shutil.copy2)
        if "draws" in case.needs:
            shutil.copy(self.home / "draws.safetensors", folder)
        if "study" in case.needs:
            shutil.copy(self.home / "study.yaml", folder)
        if case.prepare is not None:
            case.prepare(folder)
        return folder

    def carry_out(self, case: Case, number: int) -> tuple[Outcome, list[str]]:
        """Return how a case ended, and what is wrong with that."""
        folder = self.folder(case, number)
        before = digests(folder)
        outcome = command(list(case.arguments), folder, limits=dict(case.limits))
        faults = case.faults(outcome, before, digests(folder))
        remove(folder)
        return outcome, faults
