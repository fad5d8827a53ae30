PYTHON ?= python3
BIN := .venv/bin
SAMPLE := seeds/articles/ceasefire_vote.txt
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint serve bench bench-service clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --constraint constraints.txt --editable .
	@touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --constraint constraints.txt --editable '.[test]'
	@touch $@

demo: .venv/installed ## set up .venv and analyse a sample article
	$(BIN)/quotes analyse $(SAMPLE)
	@echo
	@echo 'To start the API:   make serve   (then http://127.0.0.1:8000/docs shows every call)'
	@echo 'Another article:    $(BIN)/quotes analyse FILE'

lint: .venv/installed-test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint ## lint, types and all tests
	$(BIN)/pytest

serve: .venv/installed ## start the API on http://127.0.0.1:8000
	$(BIN)/quotes serve

bench: .venv/installed-test ## words per second and memory, as a table
	$(BIN)/python -m tests.benchmarks.throughput

bench-service: .venv/installed-test ## how fast the API answers, and what it does with too much
	$(BIN)/python -m tests.benchmarks.service

clean: ## remove what make made
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/browser/node_modules
