"""Explorer: answers about the latent space of a trained text VAE, as plain data that a page can show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import kl_divergence

from vaescope.assessment.assess import assess
from vaescope.corpora.ids_to_text import decode
from vaescope.corpora.rows import refuse_surrogate
from vaescope.corpora.tokenized import Tokenized, tokenize
from vaescope.errors import UserError, unknown
from vaescope.estimators.distributions import DiagonalGaussian
from vaescope.examine.collect_facts import labels_of
from vaescope.examine.examined_run import Examined
from vaescope.explore.latent_map import LatentMap, rates, samples_of
from vaescope.model.latent_space import TOKENS_AT_ONCE, LatentSpace
from vaescope.model.paths import PATHS
from vaescope.sweep.scoring import score
from vaescope.sweep.sweep import sweep

MAP_TEXTS = 2_000
"""Validation texts on the map."""

JUDGED_TEXTS = 500
"""Validation texts from which the use of z is judged."""

SAMPLES = 32
"""Posterior samples for the distortion of one text."""

RATE_SAMPLES = 1_000
"""Posterior samples for the rate of one text under a prior without a closed form."""

SHOWN_SAMPLES = 3
"""Sampled reconstructions of one text."""

LARGEST = 1e6
"""The largest coordinate of a point to decode; p(z) underflows float32 long before."""

MOST_STEPS = 25
MOST_LETTERS = 10_000


@dataclass(frozen=True)
class Explorer:
    """A latent space with validation texts in it, and what can be asked about both.

    Every answer is a dictionary of strings, numbers and lists. Numbers are in nats per text; a point is a list of D
    numbers; units are in the order of the model.

    Attributes:
        vae: the model and its tokenizer.
        name: what the page calls the run.
        map: the validation texts where their posteriors are.
        collapse: the finding that z carries nothing, or an empty string.

    >>> from vaescope.config import ModelConfig
    >>> from vaescope.corpora.tokenizer import train_bpe
    >>> from vaescope.model.build import build_model
    >>> texts = ["a text", "another text", "no text"]
    >>> tokenizer = train_bpe(texts, 300)
    >>> vae = LatentSpace(build_model(ModelConfig(latent_size=4), tokenizer, max_length=16).eval(), tokenizer)
    >>> explorer = Explorer(vae, "tiny", LatentMap.of(vae, texts))
    >>> [step["t"] for step in explorer.compare("a text", "no text", steps=3)["path"]]
    [0.0, 0.5, 1.0]
    """

    vae: LatentSpace
    name: str
    map: LatentMap
    collapse: str = ""

    @classmethod
    def load(cls, run: Path, labels: Path | None = None) -> Explorer:
        """Read a run, encode its validation texts, and judge whether z carries anything.

        Args:
            run: a run folder.
            labels: a file with one label per validation text, or a kind of label of the corpus; by default its first.

        Raises:
            UserError: not a run with a trained model and its corpus, or a language model.
        """
        examined = Examined.load(run)
        if examined.model.config.is_language_model:
            raise UserError(f"{run}: a language model (injection 'none') has no latent space; give the run of a VAE")
        vae, valid = LatentSpace(examined.model, examined.tokenizer), examined.tokenized("valid")
        kinds = labels_of(valid, examined.corpus, examined.config, "valid", labels).kinds
        names = next(iter(kinds.values()), None)
        shown = LatentMap.of(vae, valid.texts[:MAP_TEXTS], names and names[:MAP_TEXTS])
        return cls(vae, run.resolve().name, shown, _collapse(examined, valid))

    def start(self) -> dict[str, Any]:
        """Return what the page shows first: the model, its units, the most active first, and two texts."""
        config, first = self.vae.model.config, self.map.texts[0]
        return {
            "name": self.name,
            "collapse": self.collapse,
            "prior": config.prior_options[0],
            "size": config.latent_size,
            "max_tokens": config.text_length,
            "order": self.map.order,
            "activity": self.map.activity,
            "colours": self.map.colours,
            "rate": sum(self.map.rate) / len(self.map.rate),
            "texts": [first, next((text for text in self.map.texts if text != first), first)],
        }

    def compare(self, a: str, b: str, *, steps: int = 7, path: str = "linear") -> dict[str, Any]:
        """Return both texts as the model sees them, the path between their posterior means, and their divergences.

        Returns:
            ``texts`` (two of what ``_inspected`` says), ``path`` (the greedy texts at ``t`` from 0 to 1) and ``kl``:
            KL(q(z|a) || q(z|b)) and KL(q(z|b) || q(z|a)).

        Raises:
            UserError: a text that is empty or too long, too few or too many steps, an unknown path.
        """
        if not 2 <= steps <= MOST_STEPS:
            raise UserError(f"steps: {steps}; give 2 to {MOST_STEPS}")
        if path not in PATHS:
            raise unknown("path", path, PATHS)
        texts = [_checked(a, "first"), _checked(b, "second")]
        posterior = self.vae.encode(texts)
        start_D, end_D = posterior.mean
        t_N = torch.linspace(0, 1, steps)
        points = self._read(PATHS[path](start_D, end_D, t_N))
        from_a, from_b = posterior[0], posterior[1]
        return {
            "texts": self._inspected(texts, posterior),
            "path": [{"t": t, **point} for t, point in zip(t_N.tolist(), points, strict=True)],
            "kl": [kl_divergence(from_a, from_b).item(), kl_divergence(from_b, from_a).item()],
        }

    def decode(self, z: list[float]) -> dict[str, Any]:
        """Return the greedy text at a point, its log p(x|z), and log p(z) of the point.

        Raises:
            UserError: not D finite numbers of at most ``LARGEST``.
        """
        z_D, size = torch.tensor(z, dtype=torch.float64), self.vae.model.config.latent_size
        if z_D.shape != (size,) or not z_D.isfinite().all():
            raise UserError(f"a point of this model is {size} finite numbers")
        if z_D.abs().max() > LARGEST:
            raise UserError(f"a point of this model is {size} numbers between {-LARGEST:g} and {LARGEST:g}")
        z_D = z_D.float()
        return self._read(z_D[None])[0]

    def _read(self, z_ND: Tensor) -> list[dict[str, Any]]:
        """Greedy decoding of each point, with the log-probabilities of the text and of the point."""
        model = self.vae.model
        with torch.inference_mode():
            z = z_ND.to(model.device)
            log_p_z_N = model.prior.log_prob(z).tolist()
            drawn = model.sample(z.to(model.dtype), temperature=0.0)
        texts = decode(drawn.input_ids, self.vae.tokenizer)
        rows = zip(z_ND.tolist(), texts, drawn.log_prob.tolist(), log_p_z_N, drawn.finished.tolist(), strict=True)
        names = ("z", "text", "log_p_x_z", "log_p_z", "finished")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _inspected(self, texts: list[str], posterior: DiagonalGaussian) -> list[dict[str, Any]]:
        """Posterior, rate, distortion, reconstructions of each text; ``read`` is what the length limit left of it."""
        mean_ND, std_ND = posterior.mean, posterior.stddev
        tokenized = tokenize(texts, self.vae.tokenizer, max_length=self.vae.model.config.text_length)
        z_SND = samples_of(posterior, SAMPLES)
        distortion_SN = -score(self.vae.model, tokenized, z_SND, group_tokens=TOKENS_AT_ONCE)
        rate_N, units_ND = rates(self.vae, posterior, RATE_SAMPLES)
        sampled = [self.vae.decode(z_SND[:SHOWN_SAMPLES, row], temperature=1.0, seed=row) for row in range(len(texts))]
        return [
            {
                "text": text,
                "read": tokenized.texts[row],
                "tokens": int(tokenized.lengths[row]) - 1,
                "mean": mean_ND[row].tolist(),
                "std": std_ND[row].tolist(),
                "rate": rate_N[row].item(),
                "unit_rates": None if units_ND is None else units_ND[row].tolist(),
                "distortion": distortion_SN[:, row].mean().item(),
                "distortion_se": (distortion_SN[:, row].std() / SAMPLES**0.5).item(),
                "elbo": -(distortion_SN[:, row].mean() + rate_N[row]).item(),
                "reconstruction": greedy,
                "samples": sampled[row],
            }
            for row, (text, greedy) in enumerate(zip(texts, self._read(mean_ND), strict=True))
        ]


def _checked(text: str, which: str) -> str:
    """Return a text that can be encoded.

    Raises:
        UserError: only white space, too many characters, or an unpaired surrogate.
    """
    if not text.strip():
        raise UserError(f"the {which} text is empty; type one")
    if len(text) > MOST_LETTERS:
        raise UserError(f"the {which} text has {len(text):,} characters; give at most {MOST_LETTERS:,}")
    refuse_surrogate(text, f"the {which} text")
    return text.strip()


def _collapse(examined: Examined, valid: Tokenized) -> str:
    """The finding of the assessment that z carries nothing, or an empty string."""
    settings, seed = examined.config.assessment, examined.config.seed
    draws = sweep(examined.model, valid, samples=4, texts=JUDGED_TEXTS, group_tokens=settings.group_tokens, seed=seed)
    judged = assess(draws, diagnostics=("rate", "mutual_information", "active_units"), thresholds=settings.thresholds)
    if not judged.collapsed:
        return ""
    finding = next(finding for finding in judged.findings if finding.name == "latent_use")
    return f"z carries nothing: {finding.message}; {finding.next_step}"
