"""Write the worked example of every page in docs/diagnostics, and draw its figure: a healthy and a sick model.

python docs/make_diagnostics.py [NAME ...]

The models are linear-Gaussian VAEs, whose truth is known. What such a model does not have (tokens, attention, a path
between two texts) is simulated, which the page says.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image

from vaescope import choices, plotting
from vaescope.assessment.assess import assess
from vaescope.assessment.assessment import Assessment
from vaescope.assessment.explanations import page_of
from vaescope.estimators.estimate import Estimate
from vaescope.evidence.evidence import Evidence
from vaescope.evidence.experiments import Annealed, Experiments, Inference, Interpolation, Tokens
from vaescope.evidence.linear_gaussian import LinearGaussian
from vaescope.testing.example_evidence import complete

DOCS = Path(__file__).parent
IMAGES = DOCS / "images" / "diagnostics"
TEXTS = 250
SIMULATED = ("token_accuracy", "token_divergence", "latent_attention", "interpolation", "annealed_likelihood")
DPI = 72
NEEDED = ("rate", "mutual_information", "active_units", "moment_kl", "marginal_kl")
"""Diagnostics whose numbers findings of others read."""


@dataclass(frozen=True)
class Subject:
    """A model with all evidence of it.

    Attributes:
        words: what it is.
        vae: the model.
        evidence: what is known of it.
    """

    words: str
    vae: LinearGaussian
    evidence: Evidence


def subject(words: str, vae: LinearGaussian, *, reads: float) -> Subject:
    """Return a model with its evidence; ``reads`` is how much of the simulated parts z decides, 0 to 1."""
    known = complete(vae, TEXTS)
    label = known.draws.posterior_mean[:, 0] > known.draws.posterior_mean[:, 0].median()
    noise = torch.rand(TEXTS, generator=torch.Generator().manual_seed(3)) < 0.2
    facts = replace(
        known.facts,
        labels=["ab"[int(value)] for value in (label ^ noise if reads else noise)],
        multipliers={"rate>=": [0.35, 0.4, 0.38] if reads else [0.98, 1.0, 0.99]},
    )
    return Subject(words, vae, replace(known, facts=facts, experiments=experiments(vae, known, reads)))


def experiments(vae: LinearGaussian, known: Evidence, reads: float) -> Experiments:
    """Return experiments on 32 texts of 8 tokens each, in which z decides a share of the tokens."""
    generator = torch.Generator().manual_seed(5)

    def uniform(*size: int) -> torch.Tensor:
        return torch.rand(*size, generator=generator, dtype=torch.float64)

    position = torch.arange(8, dtype=torch.float64).repeat(32) / 8
    blind = 0.25 + 0.5 * position
    draw = uniform(256)
    tokens = Tokens(
        position=position,
        text=torch.arange(32).repeat_interleave(8),
        correct_posterior=(draw < blind + reads * 0.8 * (1 - blind)).double(),
        correct_prior=(draw < blind).double(),
        divergence=reads * (1 - position) * (0.5 + uniform(256)) + 0.02 * uniform(256),
        divergence_null=0.02 * uniform(256),
    )
    log_p = known.draws.log_p_x_z.double().mean(0)[:32]
    amortised = log_p - 3
    lower, upper = log_p - 0.04 * uniform(32), log_p + 0.04 * uniform(32)
    detour = 1 - (2 * torch.linspace(0, 1, 9, dtype=torch.float64) - 1).square()
    path = -2.0 - uniform(10, 9) * 0.1 - (1 - reads) * detour
    return Experiments(
        tokens=tokens,
        attention=torch.stack([0.3 * reads * (1 - position) + 0.002 * uniform(256) for _ in range(2)]),
        inference=Inference(amortised=amortised, optimised=amortised + 0.5 - 0.3 * reads, log_p=amortised + 0.6),
        annealed=Annealed(
            lower=lower, upper=upper, importance=lower - (1 - reads) * (0.5 + uniform(32)), accepted=0.65
        ),
        interpolation=Interpolation(steps=torch.linspace(0, 1, 9), start=path, decoded=-2.0 - 0.1 * uniform(10, 9)),
        repeated=1e-6 * uniform(32),
    )


def subjects() -> dict[str, Subject]:
    """Return the models: one healthy, and the ways to be sick."""
    healthy = LinearGaussian.matched(latent_size=4, data_size=6, rate=3.0)
    tiny = LinearGaussian.matched(latent_size=4, data_size=6, rate=0.002)
    misfit = replace(healthy, encoder_bias=healthy.encoder_bias + 0.6, encoder_std=healthy.encoder_std * 0.4)
    return {
        "healthy": subject("4 units, the encoder is the exact posterior", healthy, reads=1.0),
        "collapsed": subject("4 units, all texts are encoded alike", tiny, reads=0.0),
        "misfit": subject(
            "4 units, the means are shifted by 0.6 and the posteriors 2.5 times too narrow", misfit, reads=0.3
        ),
        "correlated": subject("8 units, of which two are correlated in q(z)", _correlated(_matched(16.0)), reads=1.0),
        "saturated": subject("8 units of 20 nats, far more than log N", _matched(20.0), reads=1.0),
    }


def _correlated(vae: LinearGaussian) -> LinearGaussian:
    u, v = vae.weight[:, 0], vae.weight[:, 1]
    return replace(vae, data_covariance=vae.data_covariance + 0.9 * (torch.outer(u, v) + torch.outer(v, u)))


def _matched(rate: float) -> LinearGaussian:
    return LinearGaussian.matched(latent_size=8, data_size=9, rate=rate)


SICK = {
    **dict.fromkeys(
        ("rate", "active_units", "latent_use", "probe", "conversion_efficiency", "multiplier", "disentanglement"),
        "collapsed",
    ),
    **dict.fromkeys(("token_accuracy", "token_divergence", "latent_attention", "reconstruction"), "collapsed"),
    **dict.fromkeys(("distortion", "mutual_information"), "collapsed"),
    "resolution": "saturated",
    "total_correlation": "correlated",
}
"""Which sick model a page shows, if not the misfit."""


def main() -> None:
    """Assess the models and write the pages that are named, or all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    every, known = choices.names("diagnostics"), subjects()
    chosen = sys.argv[1:] or every
    needed = list(dict.fromkeys([*chosen, *NEEDED])) if sys.argv[1:] else every
    shown = {"healthy", *(SICK.get(name, "misfit") for name in chosen)}
    found = {name: assess(known[name].evidence, diagnostics=needed) for name in sorted(shown)}
    for name in chosen:
        sick = SICK.get(name, "misfit")
        draw(name, {"healthy": found["healthy"], "sick": found[sick]})
        lines = [
            f"{title}: {known[key].words}. {worked(name, found[key], known[key])}"
            for title, key in (("Healthy", "healthy"), ("Sick", sick))
        ]
        write(name, lines)


def own(name: str, assessment: Assessment) -> dict[str, Estimate]:
    """Return the estimates of a diagnostic, its main one first."""
    return {n: e for n, e in assessment.estimates.items() if n == name or n.startswith(f"{name}_")}


def worked(name: str, assessment: Assessment, one: Subject) -> str:
    """Return the main number of a diagnostic with its interval, its truth, and the findings on its page."""
    estimates = own(name, assessment)
    longer = {other for other in choices.names("diagnostics") if other.startswith(f"{name}_")}
    estimates = {n: e for n, e in estimates.items() if not any(n == o or n.startswith(f"{o}_") for o in longer)}
    parts = []
    for estimate_name, e in list(estimates.items())[:2]:
        number = f"`{estimate_name}` "
        number += f"[{_shown(e.low)}, {_shown(e.high)}]" if e.kind == "interval" else _shown(e.value)
        number += f" [{_shown(e.low)}, {_shown(e.high)}]" if e.kind not in ("interval", "exact") else ""
        property_name = choices.load("diagnostics", name).truths.get(estimate_name)
        truth = getattr(one.vae, property_name) if property_name else None
        parts.append(f"{number} {e.unit}" + (f" (truth {_shown(float(truth))})" if truth is not None else ""))
    judged = [f"`{f.name}` is {f.verdict}" for f in assessment.findings if page_of(f.name) == name]
    skipped = f"not computed: {assessment.skipped[name]}" if name in assessment.skipped else ""
    return "; ".join([*parts, *judged[:3], *([skipped] if skipped else [])]) + "."


def _shown(value: float) -> str:
    # samples of a thousandth are noise of another machine's last digits
    text = f"{value:.3g}" if abs(value) >= 0.001 else "0"
    return text.replace("-", "−")


def draw(name: str, found: Mapping[str, Assessment]) -> None:
    """Write the figure of a diagnostic for both models side by side; where it has none, its numbers."""
    pictures = []
    for title, assessment in found.items():
        figure = assessment.figures.get(name) or numbers(name, found, title)
        if name != "latent_pictures":  # which has many small panels
            figure.set_size_inches(4.6, 3.0)
        figure.suptitle(title, fontsize=10, color=plotting.INK)
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=DPI, facecolor="white", metadata={"Software": None})
        pictures.append(Image.open(buffer).convert("RGB"))
    both = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white")
    left = 0
    for picture in pictures:
        both.paste(picture, (left, 0))
        left += picture.width
    both.quantize(64).save(IMAGES / f"{name}.png", optimize=True)


def numbers(name: str, found: Mapping[str, Assessment], title: str):  # noqa: ANN201
    """Draw the estimates of a diagnostic with their intervals, on the same axis for both models."""
    shown = list(own(name, found[title]).items())[:4]
    figure, (ax,) = plotting.axes(4.6, 3.0)
    for row, (_, e) in enumerate(shown):
        ax.plot([e.low, e.high], [row, row], color=plotting.PALETTE[0], lw=6, alpha=0.4, solid_capstyle="butt")
        if e.kind != "interval":
            ax.plot(e.value, row, "o", color=plotting.PALETTE[0], ms=5)
        ax.text(e.high, row - 0.28, f"{e.low:.3g} to {e.high:.3g}", fontsize=7, ha="right", color=plotting.INK)
    ends = [end for each in found.values() for e in list(own(name, each).values())[:4] for end in (e.low, e.high, 0.0)]
    if ends:
        margin = 0.08 * (max(ends) - min(ends)) or 1.0
        ax.set_xlim(min(ends) - margin, max(ends) + margin)
    ax.set_yticks(range(len(shown)), [label.replace(f"{name}_", "… ") for label, _ in shown], fontsize=8)
    ax.set_ylim(len(shown) - 0.4, -0.7)
    ax.set_xlabel(shown[0][1].unit if shown else "not computed for this model")
    return figure


def write(name: str, lines: list[str]) -> None:
    """Replace the example at the end of a page."""
    path = DOCS / "diagnostics" / f"{name}.md"
    text = re.sub(r"\n*^\*\*An example\.\*\*.*\Z", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    about = f"{TEXTS} texts of linear-Gaussian models, whose truth is known"
    about += "; what needs tokens or a network is simulated" if name in SIMULATED else ""
    example = f"**An example.** {about} (`python docs/make_diagnostics.py`). " + " ".join(lines)
    picture = f"![{name} of a healthy and of a sick model](../images/diagnostics/{name}.png)"
    path.write_text(f"{text.rstrip()}\n\n{example}\n\n{picture}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
