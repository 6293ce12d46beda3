"""A study of a few runs that take a second each, after torch is imported."""

import yaml
from tests.tiny_runs import MODEL

from vaescope.cli.load_and_train import carry_out
from vaescope.errors import UserError
from vaescope.study.engines.command import log_file
from vaescope.study.plan import FILE

BASE = {
    "data": {"known": "topic_pcfg", "sizes": [200, 40, 40], "max_length": 48},
    "tokenizer": {"vocab_size": 300},
    "model": MODEL,
    "training": {
        "steps": 6,
        "batch_size": 8,
        "log_every": 2,
        "validate_every": 3,
        "save_every": 3,
        "validation_texts": 16,
        "tracker": "none",
    },
    "assessment": {"samples": 4, "splits": ["test"], "at_validation": False},
}

MAD = {"learning_rate": 100.0, "weight_decay": 100.0}
"""Settings of training with which every step multiplies the weights by -9,999, so that the loss is soon not finite."""

STUDY = {
    "base": "base.yaml",
    "grid": {"objective": {"language_model": "language_model", "vae": "vae", "mdr-2": {"preset": "mdr", "rate": 2}}},
    "seeds": [0],
    "control": "language_model",
}


def write_study(folder, **changes):
    """Write a study and its base; the runs go into ``folder/out``."""
    study = STUDY | {"out": str(folder / "out")} | changes
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    path = folder / "mine.yaml"
    path.write_text(
        yaml.safe_dump({k: v for k, v in study.items() if v is not None}, sort_keys=False), encoding="utf-8"
    )
    return path


class InProcess:
    """Runs one run at a time in this process, which saves the seconds to import torch."""

    capacity = 1

    def __init__(self, plan):
        self.plan, self.statuses, self.order = plan, {}, []

    def start(self, name):
        self.order.append(name)
        self.statuses[name] = 0
        try:
            carry_out(self.plan, self.plan.named(name))
        except UserError as error:
            log_file(self.plan.study.out / FILE, name).write_text(f"vaescope: {error}\n")
            self.statuses[name] = 1

    def ended(self):
        ended, self.statuses = self.statuses, {}
        return ended

    def stop(self):
        pass
