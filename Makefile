# Everything a person or CI runs. Set-up is part of each target: a fresh clone needs only Python 3.11+, make and git.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ROOMS := gateway protocol simulator config tests benchmarks

# Hundreds of processes are started by the tests: each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check coverage bench soak fuzz docs screenshots format lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/runtime  ## show one message of each kind go through, live
	$(BIN)/python -m benchmarks.demo

test: $(VENV)/dev  ## the whole test suite
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# One more than there are processors: there is mostly one that waits for a process, a socket or the disk.
WORKERS := $$(($$(getconf _NPROCESSORS_ONLN) + 1))

check: $(VENV)/dev  ## format, lint, types, walls
	$(BIN)/ruff format --check $(ROOMS)
	$(BIN)/ruff check $(ROOMS)
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev  ## measure everything (docs/performance.md), with BENCH="--quick" everything small
	$(BIN)/python -m benchmarks --json var/figures.json $(BENCH)

soak: $(VENV)/dev  ## break the gateway's promises by stories nobody chose, for SOAK_SECONDS, then by SIGKILL; not part of CI
	$(BIN)/python -m tests.promises --seconds $(SOAK_SECONDS)
	$(BIN)/python -m tests.end_to_end.kill --kills $(SOAK_KILLS)
SOAK_SECONDS ?= 600
SOAK_KILLS ?= 50

fuzz: $(VENV)/fuzz  ## octets that nobody would send, for FUZZ_SECONDS; not part of CI
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)
FUZZ_SECONDS ?= 600

format: $(VENV)/dev
	$(BIN)/ruff format $(ROOMS)
	$(BIN)/ruff check --fix $(ROOMS)

docs: $(VENV)/runtime  ## draw docs/protocol.md from the tables
	$(BIN)/python -m protocol > docs/protocol.md

screenshots: $(VENV)/dev  ## take the pictures in docs/ anew; needs Chromium
	DENPO_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

coverage: $(VENV)/dev  ## each file of protocol/ covered, branches too, by its own test file alone
	@$(MAKE) --no-print-directory --jobs=$$(getconf _NPROCESSORS_ONLN) $(COVERED:protocol/%.py=cover-%)
	@echo "protocol: each file 100 % by its own tests"
COVERED := $(filter-out protocol/__init__.py protocol/link.py,$(wildcard protocol/*.py))

cover-%:
	@name=$(subst _,,$*); log=.coverage-$$name.log; export COVERAGE_FILE=.coverage.$$name; \
	if $(BIN)/coverage run -m pytest -q -p no:cacheprovider --hypothesis-profile=lines tests/protocol/test_$$name*.py >$$log \
		&& $(BIN)/coverage report --include=protocol/$*.py --fail-under=100 --show-missing >$$log; \
	then rm -f $$log $$COVERAGE_FILE; else cat $$log; exit 1; fi

lock: $(VENV)/dev  ## renew the lock files from pyproject.toml
	$(BIN)/pip-compile $(LOCK_FLAGS) --build-deps-for editable --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile $(LOCK_FLAGS) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(BIN)/pip-compile $(LOCK_FLAGS) --extra fuzz --constraint requirements.lock --output-file requirements-fuzz.lock pyproject.toml
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

$(VENV)/fuzz: $(VENV)/runtime requirements-fuzz.lock
	$(PIP) install --require-hashes -r requirements-fuzz.lock
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
