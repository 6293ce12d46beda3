"""Small results of runs with pre-trained decoders, from which another machine can continue the study.

    python docs/results/strong_decoders.py gather RUN NAME     write NAME.json: curve, settings, estimates
    python docs/results/strong_decoders.py table               print the tables of strong_decoders.md
    python docs/results/strong_decoders.py missing             name the runs of study.yaml that have no result yet

No weights and no texts of the corpus are kept.
"""

import json
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).with_suffix("")
STUDY = Path(__file__).parents[2] / "examples" / "strong_decoders" / "study.yaml"
KEPT = ("model", "objective", "training", "seed")
NUMBERS = ("rate", "distortion", "mutual_information", "marginal_kl", "log_likelihood", "latent_use", "distortion_gain")
FIELDS = ("value", "se", "low", "high", "kind", "n")


def write(line: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{line}\n")


def gather(run: Path, name: str) -> None:
    """Write what is kept of a run."""
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    config["model"] = {key: value for key, value in config["model"].items() if "/" not in str(value)}
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    curve = [
        {key: round(line[key], 3) if key != "kind" else line[key] for key in ("kind", "step", "distortion", "rate")}
        for line in lines
        if line["kind"] in ("train", "validation")
    ]
    kept = {"config": {key: config[key] for key in KEPT}, "curve": curve, "estimates": {}}
    file = run / "assessment-test.json"
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
        estimates = {key: value for key, value in content["estimates"].items() if not isinstance(value, str)}
        kept["estimates"] = {
            key: {field: value[field] for field in FIELDS if field in value} for key, value in estimates.items()
        }
        kept["findings"] = {finding["name"]: finding["verdict"] for finding in content["findings"]}
    HERE.mkdir(exist_ok=True)
    (HERE / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def table() -> None:
    """Print the last validation of every run, then the estimates of those that were assessed."""
    results = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("*.json"))}
    write("| run | steps | distortion (validation) | rate |\n|---|---|---|---|")
    for name, kept in results.items():
        last = [line for line in kept["curve"] if line["kind"] == "validation"][-1]
        write(f"| {name} | {last['step']} | {last['distortion']:.2f} | {last['rate']:.2f} |")
    write("\n| run | number | value | 95% interval |\n|---|---|---|---|")
    for name, kept in results.items():
        for number, found in kept["estimates"].items():
            if number in NUMBERS:
                interval = f"[{found['low']:.2f}, {found['high']:.2f}]" if "low" in found else f"± {found['se']:.2f}"
                write(f"| {name} | {number} | {found['value']:.2f} | {interval} |")


def missing() -> None:
    """Print the runs of the study that have no result."""
    for stage in yaml.safe_load(STUDY.read_text(encoding="utf-8"))["stages"]:
        if not (HERE / f"{stage}.json").exists():
            write(f"{stage}_seed0")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or ["help"]
    if command == "gather":
        gather(Path(arguments[0]), arguments[1])
    elif command in ("table", "missing"):
        {"table": table, "missing": missing}[command]()
    else:
        write(__doc__ or "")
