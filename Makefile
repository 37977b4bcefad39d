# Everything from a bare machine: `make demo`, `make test`. `make help` lists the rest.
# Needs Python 3.11 or newer; PYTHON=/path/to/python chooses one.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint unit bench docs format clean screen postgres

VENV ?= .venv
BIN := $(VENV)/bin
PIP_FLAGS ?= --quiet --disable-pip-version-check

# The first Python that is new enough; the one the versions were tested with comes first.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	if command -v $$python >/dev/null 2>&1 && \
	   $$python -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then command -v $$python; break; fi; done)

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/runs $(if $(HEADLESS),screen) ## generate samples, score them, open the window (HEADLESS=out: screenshots into out/)
	$(BIN)/aleatoric demo $(if $(HEADLESS),--headless $(HEADLESS))

test: lint unit ## everything that must hold: lint, types, import contracts, manifest, tests

lint: $(VENV)/installed ## style, types, import contracts, manifest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari.yaml

unit: $(VENV)/installed screen postgres ## the tests alone (TESTS="tests/unit -k geometry" chooses some)
	@.ci/tests $(BIN)/python $(TESTS)

bench: $(VENV)/installed screen ## the figures of docs/benchmarks.md
	$(BIN)/python -m pytest benchmarks --benchmark-columns=min,median,max,rounds

docs: $(VENV)/installed ## the documentation as a web site in site/
	$(BIN)/mkdocs build --strict

format: $(VENV)/installed ## repair what can be repaired by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screen: ## a virtual screen for the windows of the tests
	@.ci/screen

postgres: ## a PostgreSQL server's programs for the tests of the team store
	@.ci/postgres

clean: ## remove what the other commands made
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .benchmarks .hypothesis

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed and was not found. Install it (for instance: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. Install the package that can (for instance: apt-get install python3-venv)." >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[dev]'
	@touch $@

# What a reviewer installs: no torch, no test tools. Nothing to do where the tests' environment is already made.
$(VENV)/runs: pyproject.toml constraints.txt | $(BIN)/python
	[ -f $(VENV)/installed ] || $(BIN)/python -m pip install $(PIP_FLAGS) -c constraints.txt -e '.[qt]'
	@touch $@
