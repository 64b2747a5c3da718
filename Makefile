# Everything a person or CI runs. Set-up is part of each target: a fresh clone needs only Python 3.11+, make and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ROOMS := gateway protocol simulator config tests benchmarks

.PHONY: demo test check bench format lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/runtime  ## show one message of each kind go through, live
	$(BIN)/python -m benchmarks.demo

test: $(VENV)/dev  ## the whole test suite
	$(BIN)/python -m pytest -q

check: $(VENV)/dev  ## format, lint, types, walls
	$(BIN)/ruff format --check $(ROOMS)
	$(BIN)/ruff check $(ROOMS)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev  ## messages per second, submit to delivered event
	$(BIN)/python -m benchmarks.gateway

format: $(VENV)/dev
	$(BIN)/ruff format $(ROOMS)
	$(BIN)/ruff check --fix $(ROOMS)

lock: $(VENV)/dev  ## renew both lock files from pyproject.toml
	$(BIN)/pip-compile $(LOCK_FLAGS) --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile $(LOCK_FLAGS) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
LOCK_FLAGS := --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-options

$(VENV)/runtime: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "denpo needs Python 3.11 or newer, $(PYTHON) is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	$(PIP) install --require-hashes -r requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
