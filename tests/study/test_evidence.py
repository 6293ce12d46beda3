"""The assessment at validations leaves training as it was."""

import pytest

from vaescope.config import parse_config
from vaescope.study.evidence import validation_examiner
from vaescope.training.loop import train

TINY = {"model_type": "roberta", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


class KilledError(Exception):
    """What stands for SIGKILL in one process."""


def config_of(out):
    return parse_config(
        {
            "data": {"known": "topic_pcfg", "sizes": [64, 32, 8], "max_length": 24},
            "tokenizer": {"vocab_size": 270},
            "model": {"encoder": TINY | {"intermediate_size": 16}, "latent_size": 4},
            "training": {
                "steps": 12,
                "batch_size": 8,
                "log_every": 1,
                "validate_every": 3,
                "save_every": 4,
                "validation_texts": 16,
                "precision": "fp32",
                "tracker": "none",
            },
            "out": str(out),
        }
    )


def losses(folder):
    return [line["loss"] for line in folder.metrics("train")]


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    config = config_of(tmp_path_factory.mktemp("examined") / "run")
    return train(config, examine=validation_examiner(config))


def test_training_does_not_know_that_it_is_examined(tmp_path, examined):
    assert losses(examined) == losses(train(config_of(tmp_path / "plain")))


def test_an_examined_run_resumes_bit_for_bit(tmp_path, examined):
    config = config_of(tmp_path / "killed")

    def kill(done, total, note):
        if done == 10:
            raise KilledError

    with pytest.raises(KilledError):
        train(config, progress=kill, examine=validation_examiner(config))
    resumed = train(config, examine=validation_examiner(config))
    assert losses(resumed) == losses(examined)
    for one, other in zip(resumed.metrics("assessment"), examined.metrics("assessment"), strict=True):
        assert one == other
