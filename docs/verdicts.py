"""Write docs/verdicts.md: the verdicts on healthy and sick models of known truth. Run ``python docs/verdicts.py``.

It takes about a quarter of an hour. The page is written after each model. ``python docs/verdicts.py h3 s10 repeat:h2``
runs only these again; the others are read from docs/results/verdicts.json.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "survey"))

import records
from judge import ALARM, BLIND, OPEN, RIGHT
from scipy import stats
from subjects import HEALTHY, SICK

from vaescope.assessment.findings import VERDICTS

PAGE = Path(__file__).parent / "verdicts.md"
CHEAP = ("h1", "h2", "h12", "h13", "h15", "h16")
"""Healthy models that are cheap enough to be assessed on many data sets."""

MARKS = {RIGHT: "", OPEN: " (open)", ALARM: " **(false alarm)**", BLIND: " **(not true)**"}

HEAD = """# Verdicts on models of known truth

{healthy} healthy and {sick} sick models are assessed with the default settings and the full suite. Their true
numbers are known, in closed form or from many samples of exact densities. `python docs/verdicts.py` (`make verdicts`)
writes this page; the models are in `docs/survey/`, the records in `docs/results/verdicts.json`.

A finding is *right* if its PASS, WARN or FAIL is true for the number that it judges. If that number is not known, a
finding is right if the model is healthy and the finding is not a FAIL or WARN. A finding is *open* if it says nothing
about the sickness: UNRESOLVED, VACUOUS, or a PASS about something else. For each sick model, a finding must name its
sickness.

Of {count} findings {right} are right, {open} are open, {alarm} are false alarms and {blind} are not true. {named} of
{sick} sick models are named.{missing} {origin}

z is the number of units, N the number of texts. The truth is in nats per text: R is the rate, I the information, KL
the marginal KL, *use* the cost of the z of another text, and *gap* the inference gap.

| model | what | z | N | truth | verdict | right | open | false alarm | not true | named by |
|---|---|---|---|---|---|---|---|---|---|---|
"""

REPEAT = """
## False alarms

The fast suite was run on many data sets of healthy models. A verdict from a 95% interval gives a false alarm for 2.5%
of the data sets, one from a band around a distribution (kolmogorov_smirnov, radius) for at most 5%. At a rate of 2.5%,
only 1 of 1,000 findings has more false alarms than the *limit*. Findings without a false alarm share one row.

| model | finding | FAIL | WARN | data sets | limit |
|---|---|---|---|---|---|
"""


def row(key: str, found: Mapping[str, Any]) -> str:
    """Return the row of a model in the first table."""
    marks = Counter(mark for _, _, mark in found["findings"])
    named = ", ".join(found["named"]) or ("**nothing**" if found["sick"] else "")
    cells = [key, found["what"], found["size"], f"{found['texts']:,}", _truth(found), found["verdict"]]
    cells += [*(marks[mark] for mark in (RIGHT, OPEN, ALARM, BLIND)), named]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def section(key: str, found: Mapping[str, Any]) -> str:
    """Return what the page says about each finding of a model."""
    lines = [f"**{key}. {found['what'][0].upper()}{found['what'][1:]}** ({_truth(found)})", ""]
    answers = "; ".join(f"{question} {answer}" for question, answer in found["answers"].items())
    lines.append(f"* **{found['verdict']}** ({answers}): {found['headline']}")
    for verdict in VERDICTS:
        words = [name + MARKS[mark] for name, given, mark in found["findings"] if given == verdict]
        if words:
            lines.append(f"* {verdict}: {', '.join(words)}")
    return "\n".join(lines) + "\n"


def _truth(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value if value > 1e-6 else 0:.3g}" for name, value in found["truth"].items())


def alarms(key: str, found: Mapping[str, Any]) -> list[str]:
    """Return a row for each finding of a healthy model with a false alarm, and one row for all others."""
    seeds, rows, quiet = found["seeds"], [], 0
    limit = int(stats.binom.ppf(0.999, seeds, 0.025))
    for name, counts in sorted(found["findings"].items()):
        fails, warns = counts.get("FAIL", 0), counts.get("WARN", 0)
        if fails + warns:
            rows.append(f"| {key} | {name} | {fails} | {warns} | {seeds} | {limit} |")
        else:
            quiet += 1
    return [*rows, f"| {key} | {quiet} others | 0 | 0 | {seeds} | {limit} |"]


def page(known: Mapping[str, Any]) -> str:
    """Return the page of all records."""
    models, repeats = known["models"], known["repeats"]
    marks = Counter(mark for found in models.values() for _, _, mark in found["findings"])
    missing = [key for key in (*HEALTHY, *SICK) if key not in models] + [
        f"repeat:{k}" for k in CHEAP if k not in repeats
    ]
    every = [*models.values(), *repeats.values()]
    text = HEAD.format(
        healthy=len(HEALTHY),
        sick=len(SICK),
        count=marks.total(),
        right=marks[RIGHT],
        open=marks[OPEN],
        alarm=marks[ALARM],
        blind=marks[BLIND],
        named=sum(bool(found["named"]) for key, found in models.items() if key in SICK),
        missing=f" Not run: {', '.join(missing)}." if missing else "",
        origin=_origin(every),
    )
    text += "".join(row(key, models[key]) + "\n" for key in (*HEALTHY, *SICK) if key in models)
    text += REPEAT + "".join(line + "\n" for key in CHEAP if key in repeats for line in alarms(key, repeats[key]))
    for title, subjects in (("Healthy", HEALTHY), ("Sick", SICK)):
        text += f"\n## {title}\n\n" + "\n".join(section(key, models[key]) for key in subjects if key in models)
    return text


def _origin(every: list[Mapping[str, Any]]) -> str:
    """Say when and where the records were made."""
    if not every:
        return ""
    dates, machines = (sorted({found[name] for found in every}) for name in ("date", "machine"))
    commits = ", ".join(sorted({found["commit"] for found in every}))
    seconds = sum(found["seconds"] for found in every)
    return f"Run on {', '.join(dates)} (commits {commits}; {'; '.join(machines)}; {seconds / 60:.0f} minutes of CPU)."


def main(names: list[str]) -> None:
    """Run the named models, or all, and write records and page after each."""
    known = records.load()
    for name in names or [*HEALTHY, *SICK, *(f"repeat:{key}" for key in CHEAP)]:
        kind, _, key = name.rpartition(":")
        if kind == "repeat":
            known["repeats"][key] = records.repeat(key)
        else:
            known["models"][key] = records.survey(key)
            sys.stdout.write(section(key, known["models"][key]) + "\n")
        records.save(known)
        PAGE.write_text(page(known), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
