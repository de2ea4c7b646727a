# Everything below works in a fresh clone on a machine with Python 3.11+, make and a network.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run up test check unit bench chaos schemas lock clean

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## Create the virtual environment with the pinned dependencies

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: $(STAMP) ## Run the main job on embedded servers, to its end (ARGS="--captures FILE --refunds FILE")
	$(BIN)/refunds demo $(ARGS)

up: $(STAMP) ## Keep Valkey, PostgreSQL, worker, beat and Flower running until Ctrl-C
	$(BIN)/refunds up $(ARGS)

test: check unit ## Lint, type-check and test (starts its own servers)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A process a core, each with servers of its own; a file's tests stay together.
unit: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

bench: $(STAMP) ## Measure refunds against no-op tasks and a durable workflow, in one run
	$(BIN)/python -m benchmarks.run $(ARGS)

chaos: $(STAMP) ## Refunds under injected faults, and a verdict (ARGS="--refunds 2000 --kills 10")
	$(BIN)/python -m chaos.run $(ARGS)

schemas: $(STAMP) ## Export the JSON Schemas of the messages to docs/schemas
	$(BIN)/refunds schemas export docs/schemas

lock: $(STAMP) ## Pin the dependencies anew, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --extra embedded pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" -c requirements.txt --all-extras pyproject.toml -o requirements-dev.txt

clean: ## Remove the virtual environment and what the embedded servers stored
	rm -rf $(VENV) .local
