# Everything a newcomer needs: `make demo` and `make test`. Nothing but Python 3.11+ and make is assumed.
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test test-long check lint types contracts format openapi bench wheel-test lock clean

RUN := .venv/bin

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## Make .venv with what Shelfwise needs to run
	@PYTHON="$(PYTHON)" scripts/setup.sh run

setup-dev: ## Make .venv with what working on Shelfwise needs
	@PYTHON="$(PYTHON)" scripts/setup.sh dev

demo: setup ## Start both services on real sales data (ARGS="--no-browser" for more flags)
	@exec $(RUN)/shelfwise demo $(ARGS)

test: setup-dev ## Run the tests; long ones at a reduced size (ARGS="-k name" to choose)
	@exec $(RUN)/python -m pytest $(ARGS)

test-long: setup-dev ## Run the tests marked long, at their stated size
	@SHELFWISE_TEST_SIZE=stated exec $(RUN)/python -m pytest -m long --timeout=3600 $(ARGS)

check: setup-dev lint types contracts ## Lint, types and import contracts

lint: setup-dev
	$(RUN)/ruff check
	$(RUN)/ruff format --check

types: setup-dev
	$(RUN)/mypy

contracts: setup-dev
	$(RUN)/lint-imports --no-cache

format: setup-dev ## Format the code
	$(RUN)/ruff check --fix-only
	$(RUN)/ruff format

openapi: setup-dev ## Write docs/reference/openapi from the services' routes
	@$(RUN)/python scripts/openapi.py

bench: ## Run the benchmarks; each writes JSON beside itself
	@PYTHON="$(PYTHON)" scripts/setup.sh bench
	@for run in benchmarks/*/run.py; do echo "== $$run"; .venv-bench/bin/python $$run || exit 1; done

wheel-test: setup-dev ## Build the wheel, install it alone and try it
	@scripts/wheel_test.sh

lock: setup-dev ## Lock the dependencies again (ARGS="--upgrade" for newer ones)
	@scripts/lock.sh $(ARGS)

clean: ## Remove what was built and cached; the demo's data stays
	rm -rf .venv .venv-bench dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
