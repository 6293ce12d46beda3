"""Write the notebooks and run them, so that the repository has them with their outputs.

python examples/notebooks/make_notebooks.py [NAME ...]       needs the extra notebooks
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbclient
import nbformat
from nbformat import v4

FOLDER = Path(__file__).parent
SECONDS = 1800

QUIET = """
import logging
import warnings

warnings.filterwarnings("ignore", message="IProgress not found")

from transformers.utils import logging as transformers_logging

transformers_logging.disable_progress_bar()
logging.getLogger("vaescope").setLevel(logging.ERROR)
"""

TUTORIAL = [
    "# From a CSV with labels to a verdict\n\nTwo small VAEs on the same labelled texts, in about two minutes: one "
    "does not use its latent code, the other one does. The [tutorial](../../docs/tutorial.md) does the same on the "
    "command line. The first cell turns progress bars and the log off.",
    QUIET,
    "## A CSV\n\nAny CSV with a column of texts will do. Here a grammar writes one, with the topic as the label.",
    """
import csv
import os
import sys
import tempfile

import vaescope
from vaescope.choices import build

os.chdir(tempfile.mkdtemp())
texts, topics = build("corpora", "topic_pcfg", depth=0).sample_with_cause(3000, seed=1)
with open("texts.csv", "w", newline="") as file:
    csv.writer(file).writerows([("text", "topic"), *zip(texts, topics.tolist())])
print(*open("texts.csv").read().splitlines()[:4], sep="\\n")
""",
    "## A configuration\n\n`vaescope init` reads the texts, finds the columns, and writes a commented configuration.",
    """
!{sys.executable} -m vaescope init texts.csv --out run.yaml
print(open("run.yaml").read())
""",
    "## Two models\n\nA plain VAE, and one whose rate is held at 4 nats per text (`mdr`, minimum desired rate). For "
    "the sake of time, both are smaller than the configuration says.",
    """
small = [
    "model.encoder={model_type: roberta, hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 4, "
    "intermediate_size: 128}",
    "training={steps: 600, learning_rate: 3e-3, validate_every: 600, tracker: none, precision: fp32}",
]
vae = vaescope.train("run.yaml", *small, objective="vae", out="vae")
mdr = vaescope.train("run.yaml", *small, objective={"preset": "mdr", "rate": 4}, out="mdr")
""",
    "## Is z used?\n\nThe plain VAE has collapsed: it encodes all texts alike.",
    """
found = vaescope.assess(vae, samples=16)
found.save("vae")
print(found.headline)
for finding in found.findings:
    if finding.verdict == "FAIL":
        print(f"- {finding.name}: {finding.message}")
""",
    "If the rate is held, the model uses z. Every number has its kind and a 95% interval. The label cannot be read "
    "from z (`probe`): the most common topic has about an eighth of the texts. So z stores something else.",
    """
found = vaescope.assess(mdr, samples=16)
found.save("mdr")
print(found.headline)
rows = ["rate", "mutual_information", "marginal_kl", "latent_use", "probe"]
found.to_dataframe().loc[rows, ["low", "value", "high", "unit", "kind"]].round(2)
""",
    "## Does q(z) fit the prior?\n\nThe dashed line is the edge of the encodings: only 1% of them lie to the right. "
    "The part of the prior to the right is where few texts are encoded.",
    """
found.plot("holes")
""",
    "## Side by side\n\n`compare` writes one page with all figures, and CSV files. It reads what `save` wrote. "
    "Differences are paired on the same texts. Here: `mdr` minus `vae`.",
    """
import pandas

page = vaescope.compare(vae, mdr, out="comparison")
paired = pandas.read_csv(page.parent / "paired.csv")
paired.round(2)
""",
    "## The latent space\n\nEncode, decode, sample, and walk from one text to another.",
    """
space = vaescope.load(mdr)
print("decoded:", *space.decode(space.encode(texts[:3])), sep="\\n  ")
print("sampled:", *space.sample(3, seed=0), sep="\\n  ")
print("path:", texts[0], *space.interpolate(texts[0], texts[1], steps=5), texts[1], sep="\\n  ")
""",
]

OWN_MODEL = [
    "# A model of your own\n\nvaescope can assess any latent variable model. It needs six tensors of a sweep over "
    "the texts: `Draws`. Here the model is a bag-of-words VAE in plain PyTorch.",
    """
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", message="IProgress not found")

import vaescope
from vaescope.choices import build

torch.manual_seed(0)
texts, topics = build("corpora", "topic_pcfg", depth=0).sample_with_cause(3000, seed=1)
words = sorted({word for text in texts for word in text.split()})
place = {word: i for i, word in enumerate(words)}
counts = torch.zeros(len(texts), len(words))
for row, text in enumerate(texts):
    for word in text.split():
        counts[row, place[word]] += 1
counts.shape
""",
    "## The model\n\nq(z|x) is a diagonal Gaussian, p(z) is N(0, I), and p(x|z) draws each word from one softmax.",
    """
class BagOfWords(nn.Module):
    def __init__(self, vocabulary, size=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(vocabulary, 64), nn.Tanh(), nn.Linear(64, 2 * size))
        self.decoder = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, vocabulary))

    def posterior(self, x):
        mean, log_std = self.encoder(x).chunk(2, -1)
        return torch.distributions.Normal(mean, log_std.exp())

    def log_p_x_z(self, x, z):
        return (x * self.decoder(z).log_softmax(-1)).sum(-1)


model, prior = BagOfWords(len(words)), torch.distributions.Normal(0.0, 1.0)
optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
train, test = counts[:2500], counts[2500:]
for step in range(400):
    x = train[torch.randint(len(train), (128,))]
    q = model.posterior(x)
    z = q.rsample()
    loss = (torch.distributions.kl_divergence(q, prior).sum(-1) - model.log_p_x_z(x, z)).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
loss.item()
""",
    "## Its draws\n\nS samples of z for each of the N texts, and three log-densities. If each text is also scored "
    "with the z of another text, vaescope can say whether the decoder reads z.",
    """
S, N = 32, len(test)
with torch.no_grad():
    q = model.posterior(test)
    z = q.sample((S,))
    other = torch.arange(N).roll(1)
    draws = vaescope.Draws(
        posterior_mean=q.mean,
        posterior_std=q.stddev,
        z=z,
        log_p_x_z=model.log_p_x_z(test, z),
        log_p_z=prior.log_prob(z).sum(-1),
        log_q_z_x=q.log_prob(z).sum(-1),
        tokens=test.sum(-1).long(),
        log_p_x_z_shuffled=model.log_p_x_z(test, z[0][other]),
        shuffled_from=other,
    )
draws
""",
    "## The assessment",
    """
found = vaescope.assess(draws, suite="fast")
print(found.headline)
for name, badge in found.badges.items():
    print(f"{name}: {badge.answer}")
""",
    """
found.to_dataframe().loc[["rate", "mutual_information", "marginal_kl", "latent_use"], ["low", "value", "high", "kind"]]
""",
    "## Labels\n\nTexts, labels and a baseline are facts that go with the draws. Can the topic be read from z?",
    """
labels = [str(topic) for topic in topics.tolist()[2500:]]
evidence = vaescope.Evidence(draws, facts=vaescope.Facts(strings=texts[2500:], labels=labels))
probed = vaescope.assess(evidence, diagnostics=["rate", "mutual_information", "active_units", "probe"])
[finding.message for finding in probed.findings if finding.name == "probe"]
""",
    """
probed.plot("active_units")
""",
]

NOTEBOOKS = {"tutorial": TUTORIAL, "own_model": OWN_MODEL}


def notebook(cells: list[str]) -> nbformat.NotebookNode:
    """Return a notebook of cells: one that begins with a new line is code, any other is text."""
    made = [v4.new_code_cell(c.strip()) if c.startswith("\n") else v4.new_markdown_cell(c) for c in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(node: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in its folder; an error in a cell is raised."""
    resources = {"metadata": {"path": str(FOLDER)}}
    nbclient.NotebookClient(node, timeout=SECONDS, kernel_name="python3", resources=resources).execute()
    for cell in node.cells:
        cell.metadata.pop("execution", None)  # times, which differ at every run
    return node


def main() -> None:
    """Write the notebooks that are named, or all."""
    for name in sys.argv[1:] or NOTEBOOKS:
        nbformat.write(run(notebook(NOTEBOOKS[name])), FOLDER / f"{name}.ipynb")


if __name__ == "__main__":
    main()
