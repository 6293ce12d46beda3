"""The estimates by the question that they answer, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterable

GROUPS: dict[str, tuple[str, ...]] = {
    "Is z used?": (
        "rate",
        "latent_sequence",
        "mutual_information",
        "information_ceiling",
        "active_units",
        "dimension_kl",
        "latent_use",
        "resolution",
        "token_divergence",
        "token_accuracy_drop",
        "latent_attention",
        "interpolation",
        "probe",
        "disentanglement",
    ),
    "Does q(z) fit the prior?": (
        "marginal_kl",
        "moment_kl",
        "total_correlation",
        "moments",
        "radius",
        "holes",
        "kolmogorov_smirnov",
        "sliced_wasserstein",
        "mmd",
        "classifier_two_sample",
        "pqmass",
    ),
    "Likelihood and trust": (
        "elbo",
        "distortion",
        "log_likelihood",
        "annealed_likelihood",
        "joint_inconsistency",
        "inference_gap",
        "joint_classifier",
        "posterior_calibration",
        "tarp",
        "bits_per_byte",
        "perplexity",
        "multiplier",
    ),
    "Texts": ("reconstruction", "token_accuracy", "generated_likelihood", "text_statistics"),
}
"""Names of estimates, or how they begin, by the question that they answer and in the order of reading."""

OTHER = "Other"


def grouped(estimates: Iterable[str]) -> dict[str, list[str]]:
    """Return names of estimates by question, in the order of reading; groups that are empty are left out.

    >>> grouped(["elbo", "marginal_kl", "rate"])
    {'Is z used?': ['rate'], 'Does q(z) fit the prior?': ['marginal_kl'], 'Likelihood and trust': ['elbo']}
    """
    places = {start: (group, i) for group, starts in GROUPS.items() for i, start in enumerate(starts)}
    found: dict[str, list[tuple[int, str]]] = {group: [] for group in (*GROUPS, OTHER)}
    for name in estimates:
        start = max((s for s in places if name == s or name.startswith(f"{s}_")), key=len, default="")
        group, place = places.get(start, (OTHER, 0))
        found[group].append((place, name))
    # sorted is stable: estimates of one diagnostic keep their order
    return {group: [name for _, name in sorted(names, key=lambda n: n[0])] for group, names in found.items() if names}
