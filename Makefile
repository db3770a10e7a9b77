# creatorwatch: `make run` to see it work, `make test` for everything CI runs.
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= rules.example.yaml

.PHONY: help run test lint check-types check-layers unit bench bench-detectors lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/run: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-build.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: .venv/run requirements-dev.lock
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@

run: .venv/run ## watch the accounts of CONFIG (rules.example.yaml); simulated without an API key
	@$(BIN)/creatorwatch run $(CONFIG)

test: lint check-types check-layers unit ## all that CI runs

lint: .venv/dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-types: .venv/dev ## mypy, strict
	$(BIN)/mypy

check-layers: .venv/dev ## import-linter: daemon -> storage -> rules
	$(BIN)/lint-imports

unit: .venv/dev ## the tests, all of them, on every core
	$(BIN)/pytest --numprocesses auto --dist worksteal tests

bench: .venv/dev ## speed and memory, as ratios of one run
	$(BIN)/python -m tests.benchmarks

bench-detectors: .venv/dev ## how well the detectors see, on labelled and on made-up counters
	$(BIN)/python -m tests.benchmarks.detectors

lock: ## renew the pinned names and hashes (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --constraint requirements.lock --output-file requirements-dev.lock
	printf "hatchling\neditables\n" | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --constraint requirements-dev.lock --output-file requirements-build.lock

clean: ## forget the virtual environment and the caches
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
