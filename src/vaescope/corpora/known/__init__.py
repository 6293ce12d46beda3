"""Built-in corpora whose entropy, information and log-likelihoods are known exactly.

One file per corpus, found by ``vaescope.choices``; the contract is ``vaescope.corpora.known._known.KnownCorpus``.
"""
