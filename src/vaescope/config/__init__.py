"""The configuration of a run: a section per stage, each checked when it is read."""

from vaescope.config.assessment_config import AssessmentConfig
from vaescope.config.data_config import DataConfig, TokenizerConfig
from vaescope.config.model_config import ModelConfig
from vaescope.config.run_config import RunConfig, parse_config, read_config
from vaescope.config.training_config import KeepConfig, TrainingConfig

__all__ = [
    "AssessmentConfig",
    "DataConfig",
    "KeepConfig",
    "ModelConfig",
    "RunConfig",
    "TokenizerConfig",
    "TrainingConfig",
    "parse_config",
    "read_config",
]
