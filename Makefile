# Everything starts here: `make demo` shows what Wardmote does, `make test` checks that it does it.
SHELL := /bin/bash
# The first Python that runs and is new enough: a name on the path may be a shim for one that is not there.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v $$name; break; fi; done)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
# Two workers at most, so that the suite fits two cores and 4 GB.
WORKERS ?= 2
# One thread of linear algebra for each worker: on two cores more of them only wait for each other.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test test-all bench lint docs screenshots clean help

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed  ## the invented county, from raw files to a page you can open
	@$(BIN)/wardmote demo $(DEMO)

test: $(VENV)/.installed-dev  ## lint, types, tests and quick benchmarks: all that CI runs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long" -rs
	@for file in bench/*.py; do echo "== $$file --quick"; $(BIN)/python $$file --quick || exit 1; done

test-all: $(VENV)/.installed-dev  ## the same with long simulations and national builds
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -rs

bench: $(VENV)/.installed-dev  ## full benchmarks beside their peers, where these are installed
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python $$file --save || exit 1; done

lint: $(VENV)/.installed-dev  ## ruff and mypy alone
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(VENV)/.installed-dev  ## write the generated pages anew
	@$(BIN)/python docs/generate.py

screenshots: $(VENV)/.installed-dev  ## pictures of the pages, for the README and to be looked at
	@$(BIN)/python tests/site/screenshots.py --all screenshots

clean:  ## remove what make made
	rm -rf $(VENV) $(DEMO) screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A failed install leaves no marker, so the next try starts where it is needed.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
	  echo "make: no Python 3.11 or newer found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "make: this Python lacks venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv. On Fedora: dnf install python3-pip."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Wardmote into $(VENV) (a minute or two) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Wardmote and its test tools into $(VENV) (two to three minutes) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed
