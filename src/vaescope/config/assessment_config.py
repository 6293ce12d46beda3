"""Settings of the assessment of a trained model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vaescope.config.section import Section


class AssessmentConfig(Section):
    """The assessment of a trained model."""

    splits: list[Literal["train", "valid", "test"]] = Field(default=["valid"], min_length=1)
    samples: int = Field(64, ge=1, le=1_000_000, description="posterior samples S per text of the likelihood bound")
    texts: int | None = Field(None, ge=2, description="assess only this many texts, the first of the split")
    group_tokens: int = Field(8_192, ge=1, description="token budget of one decoder pass")
    precision: Literal["fp32", "bf16"] = "fp32"
    suite: Literal["fast", "full"] = Field("fast", description="full also draws texts and runs experiments on a few")
    simulations: int = Field(500, ge=64, le=1_000_000, description="full: texts drawn from the model")
    adapted_texts: int = Field(
        128, ge=2, description="full: texts whose log-likelihood uses a proposal fitted to each text"
    )
    panel_texts: int = Field(32, ge=2, description="full: texts of the experiments")
    training_texts: int = Field(
        50_000, ge=0, description="training texts whose encodings give a density to bound the information; 0: none"
    )
    components: int | str | None = Field(
        None, description="further texts as components of q(z): a number, all, or a file; by default 10 per text"
    )
    flow: bool = Field(
        False,
        description="fit a flow to the training encodings, to bound the information (extra flows; takes minutes)",
    )
    text_space_texts: int = Field(
        128, ge=0, description="full, if P(x) is known: draw texts at the z of this many texts, to bound q(z); 0: none"
    )
    text_space_drawn: int = Field(128, ge=1, description="full, if P(x) is known: texts drawn at each z")
    annealing_steps: int = Field(0, ge=0, le=1_000_000, description="full: annealed importance sampling steps; 0: none")
    at_validation: bool = Field(True, description="log the fast suite, with few samples, at every validation")
    diagnostics: list[str] = Field(
        default_factory=list, description="diagnostics in addition to those of the suite: names, or module:Class"
    )
    thresholds: dict[str, float] = Field(default_factory=dict, description="thresholds of findings to override")
