# Every target sets up what it needs. `make help` lists them.

PYTHON ?= python3
CPU ?= 1
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
# Two cores gain little from more workers than cores, and each worker imports torch once.
WORKERS ?= 2

BIN := .venv/bin
STAMP := .venv/installed
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

ifeq ($(CPU),1)
CONSTRAINT := PIP_CONSTRAINT=constraints.txt UV_CONSTRAINT=constraints.txt
TORCH := torch --extra-index-url $(CPU_INDEX)
else
TORCH := torch
endif

# uv, where it is installed, makes the environment in a tenth of pip's time
PIP := $(BIN)/python -m pip install --quiet
INSTALL := $(if $(shell command -v uv),uv pip install --quiet --python $(BIN)/python,$(PIP))

.DEFAULT_GOAL := help
.PHONY: help venv truth verdicts pictures notebooks demo test test-slow campaign test-gpu test-data test-browser docs lint types bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(STAMP) ## Create .venv with CPU torch and the package (CPU=0: the torch that pip chooses)

# torch comes first and alone, so that only its own page is asked of the index of CPU builds; where that index
# cannot be reached, pip takes the same version from its usual places.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(CONSTRAINT) $(PIP) --retries 1 --no-deps $(TORCH)
	$(CONSTRAINT) $(INSTALL) --editable '.[dev]'
	touch $@

truth: venv ## Rewrite docs/truth.md: every estimator against its closed form
	$(BIN)/python docs/truth.py

verdicts: venv ## Rewrite docs/verdicts.md: the verdicts on models of known truth (a quarter of an hour)
	$(BIN)/python docs/verdicts.py

demo: venv ## Train three small VAEs, assess them, write demo/report.html
	@$(BIN)/vaescope demo --out demo

test: venv ## The default tests: fast, no network, no accelerator
	$(PYTEST) -n $(WORKERS)

test-slow: venv ## The tests that take minutes
	$(PYTEST) -n $(WORKERS) -m slow

campaign: venv ## Malformed inputs, kills and a soak of the explorer (an hour; figures go to OUT=FOLDER)
	CAMPAIGN_OUT=$(abspath $(or $(OUT),campaign)) $(PYTEST) -m slow tests/campaign

test-gpu: venv ## The tests that need an accelerator
	$(PYTEST) -m gpu

test-data: venv ## The tests that need corpora: VAESCOPE_DATA=FOLDER make test-data
	$(PYTEST) -m data

test-browser: venv ## The tests that drive a real Chromium (installed with its chromedriver, for instance by apt)
	$(INSTALL) --editable '.[browser]'
	test -f node_modules/axe-core/axe.min.js || npm install --silent --no-save axe-core@4
	$(PYTEST) -m browser

pictures: venv ## Remake every picture of the docs (needs Chromium; trains the demo if there is none)
	$(INSTALL) --editable '.[browser]'
	test -f demo/report.html || $(MAKE) demo
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_diagnostics.py
	$(BIN)/python docs/make_screens.py demo

notebooks: venv ## Write and run the notebooks of examples/notebooks
	$(BIN)/python examples/notebooks/make_notebooks.py

docs: venv ## Build the site into site/ (open site/index.html); fails on a broken link
	$(INSTALL) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

lint: venv ## Style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: venv ## Static types
	$(BIN)/mypy

bench: venv ## Measure every speed claim; DATA=FOLDER for a corpus (an idle machine, half an hour)
	cd benchmarks && for name in padding startup shapes aggregate suites scale_out memory generation likelihood training utilisation; do \
		case $$name in padding|startup|shapes|likelihood|training|utilisation) data="$(if $(DATA),--data $(abspath $(DATA)))";; *) data="";; esac; \
		../$(BIN)/python $$name.py $$data || exit 1; done

clean: ## Remove what the other targets made (the environment too)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
