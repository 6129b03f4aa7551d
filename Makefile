# Everything a person types: install, test, demo. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install test check docs demo bench clean

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

install: $(STAMP) ## a virtual environment with everything in it

$(STAMP): pyproject.toml requirements-dev.txt scripts/install
	PYTHON=$(PYTHON) scripts/install $(VENV)
	@touch $@

test: install ## the whole check: lint, types, tests
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile $(PYTEST_ARGS)

docs: install ## the documentation as a site in build/site; a broken link fails
	$(BIN)/mkdocs build --strict --quiet

check: test ## the same as test

demo: install ## render the demo and say where it lies
	$(BIN)/masktalk demo -o out/demo

bench: install ## print the speed ratios of this machine
	$(BIN)/masktalk bench

clean: ## forget what was built
	rm -rf $(VENV) build dist out .mypy_cache .ruff_cache .pytest_cache
