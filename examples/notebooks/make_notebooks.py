"""Write the notebooks and run them, so that they are kept with their outputs.

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

TUTORIAL = [
    "# From a CSV with labels to a report\n\nA small VAE on texts with labels, in about a minute. "
    "The [tutorial](../../docs/tutorial.md) does the same on the command line.",
    """
import csv
import logging
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", message="IProgress not found")

import vaescope
from vaescope.choices import build

logging.getLogger("vaescope").setLevel(logging.ERROR)
folder = Path(tempfile.mkdtemp())
""",
    "## A CSV\n\nAny CSV with a column of texts will do. Here a grammar writes them, with their topic as the label.",
    """
texts, topics = build("corpora", "topic_pcfg", depth=0).sample_with_cause(3000, seed=1)
with (folder / "texts.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["text", "topic"])
    writer.writerows(zip(texts, topics.tolist()))
print(*(folder / "texts.csv").read_text().splitlines()[:4], sep="\\n")
""",
    "## Two models\n\nA plain VAE, and one whose rate is held at 4 nats per text.",
    """
common = {
    "data": {"path": str(folder / "texts.csv"), "label": "topic", "max_length": 16},
    "tokenizer": {"vocab_size": 500},
    "model": {
        "encoder": {
            "model_type": "roberta",
            "hidden_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 128,
        },
        "latent_size": 8,
    },
    "training": {
        "steps": 300,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "validate_every": 300,
        "tracker": "none",
        "precision": "fp32",
    },
}
vae = vaescope.train(common, objective="vae", out=folder / "vae")
mdr = vaescope.train(common, objective={"preset": "mdr", "rate": 4}, out=folder / "mdr")
vae, mdr
""",
    "## Is z used?\n\nThe plain VAE has collapsed: all texts are encoded alike. Each finding has a command to copy.",
    """
found = vaescope.assess(vae, samples=16)
for finding in found.findings:
    if finding.verdict == "FAIL":
        print(finding.name, "-", finding.message)
print(found.headline)
""",
    "Holding the rate makes it use z.",
    """
found = vaescope.assess(mdr, samples=16)
print(found.headline)
found.to_dataframe().loc[["rate", "mutual_information", "marginal_kl", "latent_use", "probe"], ["low", "value", "high"]]
""",
    "## Does q(z) fit the prior?\n\nThe share of the prior where no text is encoded, as a figure.",
    """
found.plot("holes")
""",
    "## The latent space",
    """
space = vaescope.load(folder / "mdr")
first, second = texts[0], texts[1]
[first, *space.interpolate(first, second, steps=5), second]
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
    "## Its draws\n\nS samples of z for each of the N texts, and three log-densities. With the z of another text, "
    "vaescope can also tell whether the decoder reads z.",
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
    "## Labels\n\nTexts, labels and a baseline are facts that go with the draws. What does z know of the topic?",
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
    """Return a notebook of texts and codes: a cell that begins with a new line is code."""
    made = [v4.new_code_cell(c.strip()) if c.startswith("\n") else v4.new_markdown_cell(c) for c in cells]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def run(node: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook where it lies; an error of a cell is raised."""
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
