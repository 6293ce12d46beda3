r"""Text in: from a built-in corpus, files or the hub to batches of token ids.

    known/  built-in corpora with exact truth  \
    files   text, CSV, JSON lines, Parquet      >  corpus: texts of train, valid, test
    hub     Hugging Face data sets             /       |
                                               tokenizer: saved, or a BPE trained on the texts
                                                       |
                                               tokenized: token ids of a split  <-> cache
                                                       |
                            loader: the order of training  ->  batch: a padded rectangle for the model

Nothing is lost silently: blank lines, truncated and dropped texts are counted and logged.
"""

from vaescope.corpora.batch import Batch
from vaescope.corpora.corpus import Corpus, load_corpus

__all__ = ["Batch", "Corpus", "load_corpus"]
