# Perch: `make run` to try it, `make test` before a commit. Needs Python 3.11 or newer and make, nothing else.

DEMO ?= 1
VENV := .venv
PY := $(VENV)/bin/python
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
NEW_ENOUGH := 'import sys; sys.exit(sys.version_info < (3, 11))'
# The first of these that really runs and is new enough (a version manager's stub may be there and not run).
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c $(NEW_ENOUGH) >/dev/null 2>&1 && echo $$name && break; done)

.DEFAULT_GOAL := help
.PHONY: help run test lint format docs clean bench bench-ingest bench-strangers bench-endpoints bench-order bench-ui soak ui pictures fuzz

help:  ## List these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "%-12s %s\n", $$1, $$2 }'

run: $(RUNTIME)  ## Start the API and the dashboard, with demo rows if the store is empty (DEMO=0: without)
	@exec $(PY) -m metrics run $(if $(filter 0,$(DEMO)),--no-demo)

test: lint  ## Check style and types, then run every test
	@$(PY) -m pytest -q -n 2 --dist loadfile

lint: $(DEV)  ## Check style (ruff) and types (mypy)
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo 'Some files are not formatted: run "make format".' >&2; exit 1; }
	@$(PY) -m mypy

format: $(DEV)  ## Format every file
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format .

bench: $(DEV)  ## Measure questions about a year of 1, 10 and 100 million calls beside ClickHouse (about half an hour, 20 GB)
	@$(PY) -m benchmarks.history

bench-ingest: $(DEV)  ## Measure ingest beside ClickHouse, and what rollups cost (needs wrk; about 7 minutes)
	@$(PY) -m benchmarks.ingest

bench-endpoints: $(DEV)  ## Measure warm calls of every endpoint beside ClickHouse (about 3 minutes)
	@$(PY) -m benchmarks.endpoints

bench-order: $(DEV)  ## Measure sorting a shuffled month of 10 million rows beside ingest (about 2 minutes)
	@$(PY) -m benchmarks.order

bench-strangers: $(DEV)  ## Measure ingest beside runaway queries of scoped tokens (needs wrk; about 2 minutes)
	@$(PY) -m benchmarks.strangers

bench-ui: $(DEV)  ## Measure the dashboard in Chromium with 10 million calls behind it (about 7 minutes)
	@$(PY) -m benchmarks.dashboard

docs: $(DEV)  ## Write the generated pages of docs/ anew
	@$(PY) -m metrics docs

soak: $(DEV)  ## Kill a server under load a hundred times and look for every acknowledged row
	@$(PY) -m tests.soak

ui: $(DEV)  ## Take a picture of every page in every scheme, width and state, and look for what is cut, covered or wrong
	@$(PY) -m tests.ui

pictures: $(DEV)  ## Take the pictures of docs/ anew
	@$(PY) -m tests.ui --docs

fuzz: $(DEV)  ## Send 100,000 mutated requests to a server and look for what it stumbles over
	@$(PY) -m tests.fuzz

clean:  ## Remove the environment and the caches (never the data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUNTIME): requirements.txt | $(PY)
	@echo 'Installing what Perch runs on (once; about a minute) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV): requirements.txt requirements-dev.txt | $(PY)
	@echo 'Installing what the tests need (once; about a minute) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(RUNTIME) $@

$(PY):
	@$(or $(PYTHON),false) -c $(NEW_ENOUGH) 2>/dev/null || \
		{ echo 'Perch needs Python 3.11 or newer: install it, or name one with PYTHON=/path/to/python3.' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo '$(PYTHON) cannot make virtual environments: install its venv package (Debian: apt install python3-venv).' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
