# Every target sets up .venv first, once, and again only when pyproject.toml or constraints.txt have changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := src tests benchmarks scripts
# One test process per core, each with one torch thread and about a gigabyte of memory.
PYTEST := python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal
# For `make test-torch`: the version, the index that its CPU wheel comes from (empty: pip's own), and the tests.
TORCH ?= 2.6.0
INDEX ?= https://download.pytorch.org/whl/cpu
CORE := tests/layers tests/models tests/methods tests/ops

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-torch lint format bench clean

help:
	@echo "make demo        up to five minutes: adapt to scans in three ways, draw predictions (runs/demo)"
	@echo "make test        format, lint, types and the fast tests, on all cores (seven to fourteen minutes on two)"
	@echo "make test-slow   the tests that take minutes: full products, emulated processors, random kills"
	@echo "make test-torch  the core tests on a different torch: make test-torch TORCH=2.6.0 (in .venv-torch-2.6.0)"
	@echo "make lint        format, lint and types only"
	@echo "make format      reformat the code"
	@echo "make bench       time and memory against a plain implementation (under 8 minutes)"
	@echo "make table-NAME  the tables of the documents, one by one: tables.mk lists them"
	@echo "make setup       only .venv, with everything in it"

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
	$(BIN)/$(PYTEST)

test-slow: $(STAMP)
	$(BIN)/$(PYTEST) -m slow

test-torch: .venv-torch-$(TORCH)/.installed
	.venv-torch-$(TORCH)/bin/$(PYTEST) $(CORE)

.venv-torch-%/.installed: pyproject.toml constraints.txt
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	grep -vE '^(torch|sympy)==' constraints.txt > $(@D)/constraints.txt  # torch brings its own sympy
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet $(if $(INDEX),--index-url $(INDEX)) "torch==$*"
	$(@D)/bin/python -m pip install --disable-pip-version-check --quiet -c $(@D)/constraints.txt "torch==$*" -e ".[dev]"
	touch $@

format: $(STAMP)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

include tables.mk

bench: $(STAMP)
	$(BIN)/pointlora benchmark

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
