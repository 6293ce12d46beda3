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
TEXTS = 1000
SAMPLES = 64
SIMULATED = ("token_accuracy", "token_divergence", "latent_attention", "interpolation", "annealed_likelihood")
DPI = 72
NEEDED = ("rate", "mutual_information", "active_units", "moment_kl", "marginal_kl")
"""Diagnostics whose numbers findings of others read."""


@dataclass(frozen=True)
class Subject:
    """A model with its evidence.

    Attributes:
        words: describes it.
        vae: the model.
        evidence: the evidence of its assessment.
    """

    words: str
    vae: LinearGaussian
    evidence: Evidence


def subject(words: str, vae: LinearGaussian, *, reads: float) -> Subject:
    """Return a model with its evidence; ``reads``, from 0 to 1, is how much z decides in the simulated experiments."""
    known = complete(vae, TEXTS, samples=SAMPLES)
    label = known.draws.posterior_mean[:, 0] > known.draws.posterior_mean[:, 0].median()
    chance = torch.rand(TEXTS, generator=torch.Generator().manual_seed(3))
    facts = replace(
        known.facts,
        labels=["ab"[int(value)] for value in (label ^ (chance < 0.2) if reads else chance < 0.5)],
        multipliers={"rate>=": [0.35, 0.4, 0.38] if reads else [0.98, 1.0, 0.99]},
    )
    return Subject(words, vae, replace(known, facts=facts, experiments=experiments(vae, known, reads)))


def experiments(vae: LinearGaussian, known: Evidence, reads: float) -> Experiments:
    """Return experiments on 32 texts of 8 tokens each; z decides a share of the tokens, and ``1 - reads`` is a hole."""
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
    steps = torch.linspace(0, 1, 5, dtype=torch.float64)
    hole = (1 - reads) * (1 - (2 * steps - 1).square())
    return Experiments(
        tokens=tokens,
        attention=torch.stack([0.3 * reads * (1 - position) + 0.002 * uniform(256) for _ in range(2)]),
        inference=Inference(amortised=amortised, optimised=amortised + 0.5 - 0.3 * reads, log_p=amortised + 0.6),
        annealed=Annealed(
            lower=lower, upper=upper, importance=lower - (1 - reads) * (0.5 + uniform(32)), accepted=0.65
        ),
        interpolation=Interpolation(
            steps=steps, start=2 + reads * 2 * steps + 0.1 * uniform(10, 5), decoded=2 + hole + 0.1 * uniform(10, 5)
        ),
        repeated=1e-6 * uniform(32),
    )


def subjects() -> dict[str, Subject]:
    """Return the models: one healthy, and one for each kind of sickness."""
    healthy = LinearGaussian.matched(latent_size=4, data_size=6, rate=3.0)
    tiny = LinearGaussian.matched(latent_size=4, data_size=6, rate=0.002)
    misfit = replace(healthy, encoder_bias=healthy.encoder_bias + 0.6, encoder_std=healthy.encoder_std * 0.4)
    squeezed = replace(
        healthy,
        encoder_weight=healthy.encoder_weight * 0.4,
        encoder_bias=healthy.encoder_bias * 0.4,
        encoder_std=healthy.encoder_std * 0.4,
    )
    saturated = subject("8 units, information of 20 nats, far more than log N = 6.9", _rich(8, 20.0), reads=1.0)
    return {
        "healthy": subject("4 units, the encoder is the exact posterior", healthy, reads=1.0),
        "collapsed": subject("4 units, all texts are encoded alike", tiny, reads=0.0),
        "misfit": subject(
            "as healthy, but the means are shifted by 0.6 and the posteriors 2.5 times too narrow", misfit, reads=0.3
        ),
        "squeezed": subject(
            "as healthy, but all encodings are moved towards 0 by a factor of 2.5", squeezed, reads=1.0
        ),
        "correlated": subject("4 units, two of them correlated in q(z)", _correlated(_rich(4, 5.0)), reads=1.0),
        "unlike": subject(
            "as healthy, but z moves the decoder's mean 2 times too far",
            replace(healthy, weight=healthy.weight * 2),
            reads=1.0,
        ),
        "saturated": replace(saturated, evidence=_of_unknown_entropy(saturated.evidence)),
    }


def _rich(size: int, rate: float) -> LinearGaussian:
    return LinearGaussian.matched(latent_size=size, data_size=size + 1, rate=rate)


def _correlated(vae: LinearGaussian) -> LinearGaussian:
    u, v = vae.weight[:, 0], vae.weight[:, 1]
    return replace(vae, data_covariance=vae.data_covariance + 0.9 * (torch.outer(u, v) + torch.outer(v, u)))


def _of_unknown_entropy(evidence: Evidence) -> Evidence:
    """Return evidence as of real texts, whose entropy is unknown."""
    return replace(evidence, draws=replace(evidence.draws, log_q_x=None), facts=replace(evidence.facts, entropy=None))


SICK = {
    **dict.fromkeys(
        ("rate", "active_units", "latent_use", "probe", "conversion_efficiency", "multiplier", "disentanglement"),
        "collapsed",
    ),
    **dict.fromkeys(("token_accuracy", "token_divergence", "latent_attention", "reconstruction"), "collapsed"),
    **dict.fromkeys(("distortion", "mutual_information"), "collapsed"),
    **dict.fromkeys(("holes", "marginal_kl", "radius", "latent_pictures"), "squeezed"),
    **dict.fromkeys(("generated_likelihood", "text_statistics"), "unlike"),
    "resolution": "saturated",
    "total_correlation": "correlated",
}
"""Which sick model a page shows, if not the misfit."""

PLANES = ("marginal_kl", "total_correlation", "dimension_kl", "mmd", "sliced_wasserstein", "classifier_two_sample")
"""Pages whose figure also shows encodings, since their numbers compare encodings with the prior."""

SHOWN = {"text_statistics": ("text_statistics_surprisal", "text_statistics_topic")}
"""Which numbers an example shows, if not the first two."""


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
        z = {"healthy": known["healthy"].evidence.draws.z[0], "sick": known[sick].evidence.draws.z[0]}
        draw(name, {"healthy": found["healthy"], "sick": found[sick]}, z)
        columns = [worked(name, found[key], known[key]) for key in ("healthy", sick)]
        write(name, table(columns))


def own(name: str, assessment: Assessment) -> dict[str, Estimate]:
    """Return the estimates of a diagnostic, its main one first."""
    return {n: e for n, e in assessment.estimates.items() if n == name or n.startswith(f"{name}_")}


def worked(name: str, assessment: Assessment, one: Subject) -> dict[str, str]:
    """Return the model, the main numbers of a diagnostic with their truth, and the verdicts on its page, by row."""
    estimates = own(name, assessment)
    longer = {other for other in choices.names("diagnostics") if other.startswith(f"{name}_")}
    estimates = {n: e for n, e in estimates.items() if not any(n == o or n.startswith(f"{o}_") for o in longer)}
    rows = {"model": one.words}
    for estimate_name in SHOWN.get(name, tuple(estimates)[:2]):
        e = estimates[estimate_name]
        interval = f"[{_shown(e.low)}, {_shown(e.high)}]"
        number = {"interval": interval, "exact": _shown(e.value)}.get(e.kind, f"{_shown(e.value)} {interval}")
        property_name = choices.load("diagnostics", name).truths.get(estimate_name)
        truth = getattr(one.vae, property_name) if property_name else None
        rows[f"`{estimate_name}` ({e.unit})"] = number + ("" if truth is None else f", truth {_shown(float(truth))}")
    rows |= {f"verdict `{f.name}`": f.verdict for f in assessment.findings if page_of(f.name) == name}
    if name in assessment.skipped:
        rows["skipped"] = assessment.skipped[name]
    return rows


def table(columns: list[dict[str, str]]) -> str:
    """Return the rows of both models as a Markdown table."""
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [[name, *(column.get(name, "") for column in columns)] for name in names]
    lines = [["", "healthy", "sick"], ["---"] * 3, *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def _shown(value: float) -> str:
    # samples of a thousandth are noise of another machine's last digits
    text = f"{value:.3g}" if abs(value) >= 0.001 else "0"
    return text.replace("-", "−")


def draw(name: str, found: Mapping[str, Assessment], z: Mapping[str, torch.Tensor]) -> None:
    """Write the figure of a diagnostic for both models side by side; if it has none, draw its numbers."""
    pictures = []
    for title, assessment in found.items():
        figure = assessment.figures.get(name) or numbers(name, found, title, z)
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


def numbers(name: str, found: Mapping[str, Assessment], title: str, z: Mapping[str, torch.Tensor]):  # noqa: ANN201
    """Draw the estimates of a diagnostic with their intervals, on the same axis for both models."""
    shown = list(own(name, found[title]).items())[:4]
    figure, (*left, ax) = plotting.axes(4.6, 3.0, columns=2 if name in PLANES else 1)
    if left:
        plane(left[0], z[title], max(values[:, :2].abs().max().item() for values in z.values()))
    for row, (_, e) in enumerate(shown):
        ax.plot([e.low, e.high], [row, row], color=plotting.PALETTE[0], lw=6, alpha=0.4, solid_capstyle="butt")
        if e.kind != "interval":
            ax.plot(e.value, row, "o", color=plotting.PALETTE[0], ms=5)
    ends = [end for each in found.values() for e in list(own(name, each).values())[:4] for end in (e.low, e.high, 0.0)]
    if ends:
        margin = 0.08 * (max(ends) - min(ends)) or 1.0
        ax.set_xlim(min(ends) - margin, max(ends) + margin)
    ax.axvline(0, color=plotting.INK, lw=0.6)
    for row, (label, e) in enumerate(shown):
        words = f"{label}\n{e.low:.3g} to {e.high:.3g}"
        ax.text(0.5, row - 0.12, words, fontsize=7, ha="center", transform=ax.get_yaxis_transform(), color=plotting.INK)
    ax.set_yticks([])
    ax.set_ylim(len(shown) - 0.4, -0.7)
    ax.set_xlabel(shown[0][1].unit if shown else "not computed for this model")
    return figure


def plane(ax, z_ND: torch.Tensor, reach: float) -> None:  # noqa: ANN001
    """Draw the first two units of the encodings, and the circle that contains 95% of N(0, I) in a plane."""
    ax.scatter(z_ND[:, 0], z_ND[:, 1], s=2, alpha=0.4, color=plotting.PALETTE[0], linewidths=0)
    angle = torch.linspace(0, 2 * torch.pi, 200)
    ax.plot(2.448 * angle.cos(), 2.448 * angle.sin(), color=plotting.INK, lw=0.8, label="95% of the prior")
    ax.set(xlabel="unit 1", ylabel="unit 2", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.2))


def write(name: str, rows: str) -> None:
    """Replace the example at the end of a page."""
    path = DOCS / "diagnostics" / f"{name}.md"
    text = re.sub(r"\n*^\*\*An example\.\*\*.*\Z", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    about = f"{TEXTS:,} texts of linear-Gaussian models, whose truth is known"
    about += "; what needs tokens or a network is simulated" if name in SIMULATED else ""
    example = f"**An example.** {about} (`python docs/make_diagnostics.py`)."
    picture = f"![{name} of a healthy and of a sick model](../images/diagnostics/{name}.png)"
    path.write_text(f"{text.rstrip()}\n\n{example}\n\n{rows}\n\n{picture}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
