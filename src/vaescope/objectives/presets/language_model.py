"""Language model: no latent, minimise -log p(x); the baseline that shows what z buys (sets injection `none`)."""

from __future__ import annotations

from typing import Any


class LanguageModel:
    """minimise D, which is -log p(x) where there is no z; the rate is 0."""

    def spec(self) -> dict[str, Any]:
        """Return the terms."""
        return {"terms": {"distortion": 1.0, "rate": 0.0}}
