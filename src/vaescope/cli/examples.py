"""Examples of every command, which its --help shows last."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("vaescope demo --out demo",),
    "init": ("vaescope init reviews.csv", "vaescope init reviews.csv --column text --label topic --out run.yaml"),
    "train": (
        "vaescope train --data reviews.csv --objective mdr --rate 8 --out runs/mdr",
        "vaescope train examples/ptb/mdr.yaml out=runs/mine",
        "vaescope train runs/mine/config.yaml training.learning_rate=1e-3 out=runs/faster",
    ),
    "study": ("vaescope study study.yaml --dry-run", "vaescope study study.yaml seeds=[0,1,2] run.training.steps=2000"),
    "assess": (
        "vaescope assess runs/mine",
        "vaescope assess runs/mine --split test --suite full --control runs/language-model",
        "vaescope assess runs/mine --format latex > table.tex",
        "vaescope assess --draws draws.safetensors",
        "vaescope assess --draws codes.safetensors --noise-distortion 1",
    ),
    "assess-model": (
        "vaescope assess-model my_vae.py:model texts.txt --out assessed",
        "vaescope assess-model my_autoencoder.py:model texts.txt --noise 0.1 --suite fast",
    ),
    "noise-curve": (
        "vaescope noise-curve codes.safetensors --allow 1",
        "vaescope noise-curve my_autoencoder.py:model texts.txt --noise 0.03,0.1,0.3",
    ),
    "compare": ("vaescope compare runs/vae runs/mdr --split valid --out comparison",),
    "diagnose": ("vaescope diagnose runs/mine", "vaescope diagnose runs/mine --all"),
    "explain": ("vaescope explain holes", "vaescope explain mutual_information"),
    "refit": ("vaescope refit runs/mine --family mixture", "vaescope refit runs/mine --decoder"),
    "sample": ("vaescope sample runs/mine -n 5 --seed 1",),
    "evidence": ("vaescope evidence runs/mine --split test --out mine.safetensors",),
    "score": ("vaescope score runs/mine reviews.csv --column text --out scores.jsonl",),
    "snapshots": ("vaescope snapshots runs/vae runs/mdr --out snapshots.pdf",),
    "list": ("vaescope list", "vaescope list objectives"),
    "push": (
        "vaescope push runs/mine me/my-vae --dry-run",
        "vaescope push runs/mine me/my-vae --licence apache-2.0",
        "vaescope push runs/mine --to exported",
    ),
    "schema": ("vaescope schema > vaescope.schema.json",),
    "convert-reference": ("vaescope convert-reference reference/model.safetensors converted",),
    "encode": ('vaescope encode runs/mine "a text" "another text" --out codes.safetensors',),
    "decode": ("vaescope decode runs/mine codes.safetensors --temperature 1 --seed 3",),
    "reconstruct": ('vaescope reconstruct runs/mine "a text" "another text"',),
    "interpolate": ('vaescope interpolate runs/mine "a text" "another text" --steps 5 --path spherical',),
    "analogy": ('vaescope analogy runs/mine "a cat" "the cat" "a dog"',),
    "neighbours": ('vaescope neighbours runs/mine "a text" --among texts.txt -k 10',),
    "traverse": ('vaescope traverse runs/mine "a text" --unit 3 --values=-2,0,2',),
    "steer": ("vaescope steer runs/mine --toward positive --away negative --strengths 0.5,1,2",),
    "explore": ("vaescope explore runs/mine", "vaescope explore runs/mine --no-browser --port 0"),
    "world": ("vaescope world runs/language-model --out world --texts 5000",),
}
"""What a user could type, by command."""


def epilog(name: str) -> str | None:
    r"""Return the end of the help of a command: its examples, a line each.

    >>> epilog("demo")
    'Examples:\n\nvaescope demo --out demo'
    """
    lines = EXAMPLES.get(name)
    return None if lines is None else "\n\n".join(["Examples:", *lines])
