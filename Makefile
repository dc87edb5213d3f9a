# Every target sets up .venv first, once, and again only when pyproject.toml or constraints.txt have changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src tests benchmarks scripts
# A test process for each core, with one thread of torch; each takes about a gigabyte.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint format bench clean

help:
	@echo "make demo       up to four minutes: adapt to scans in three ways, draw predictions (runs/demo)"
	@echo "make test       format, lint, types and the fast tests, on all cores (four minutes on two)"
	@echo "make test-slow  the tests that take minutes: whole products, other processors, random kills"
	@echo "make lint       format, lint and types only"
	@echo "make format     reformat the code"
	@echo "make bench      time and memory against a plain implementation (under 8 minutes)"
	@echo "make setup      only .venv, with everything in it"

setup: $(STAMP)

# torch first, by itself: what pip picks for it decides between the CPU build and the CUDA one.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/pointlora demo --output runs/demo

lint: $(STAMP)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy

test: lint
	$(PYTEST)

test-slow: $(STAMP)
	$(PYTEST) -m slow

format: $(STAMP)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: $(STAMP)
	$(BIN)/pointlora benchmark

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
