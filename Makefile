# Two commands need nothing but Python 3.11+, git and make: `make demo` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
FULL := .venv-full
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
PIP := -m pip --disable-pip-version-check -q
# The demo and `make serve` keep their data inside the checkout, never in the user's folders.
export ZHANQING_HOME ?= $(CURDIR)/.home
SERVICES := .ci/services
PEERS := out/peers

.PHONY: help demo test check crash bench serve install install-full models format lint types contracts test-default test-full clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: models ## coach the sample call end to end and write out/demo/
	@$(BIN)/zhanqing demo

test: install models ## run the whole test suite (absent services are skipped with a reason)
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not torch and not milvus and not local_llm and not mcp and not crash"

check: format lint types contracts test test-full ## the one door: format, lint, types, imports, tests

crash: models ## kill the service at random while calls and messages come in
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -m crash

bench: models $(PEERS)/.installed ## measure beside peers in one run: out/bench/*.json and a table
	@$(BIN)/zhanqing bench
	@PYTHONPATH=$(PEERS) $(BIN)/python -W ignore -m eval.bench_retrieval --out out/bench/retrieval.json

# What the search is compared with lies beside the product, never among its dependencies.
$(PEERS)/.installed: | install
	@$(BIN)/python $(PIP) install --upgrade --no-deps --target $(PEERS) rank-bm25==0.2.2 langchain-community==0.4.2 langchain-classic==1.0.8 langchain-text-splitters==1.1.3
	@touch $@

serve: models ## API, console and in-process worker on http://127.0.0.1:8000
	@$(BIN)/zhanqing serve

install: $(VENV)/.installed ## create .venv with the default install and the development tools

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP) install -U pip setuptools wheel
	@$(BIN)/python $(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

install-full: $(FULL)/.installed ## create .venv-full with every extra (torch, Milvus Lite, a local LLM)

$(FULL)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(FULL) …"
	@test -x $(FULL)/bin/python || $(PYTHON) -m venv $(FULL)
	@$(FULL)/bin/python $(PIP) install -U pip setuptools wheel
	@$(FULL)/bin/python $(PIP) install '$(TORCH)'
	@$(FULL)/bin/python $(PIP) install -c constraints.txt -e '.[dev,torch,milvus,local-llm,mcp]'
	@touch $@

models: install ## pull and verify the default local models
	@$(BIN)/zhanqing models pull

format: install
	@$(BIN)/ruff format --check .

lint: install
	@$(BIN)/ruff check .

types: install
	@$(BIN)/mypy

contracts: install
	@$(BIN)/lint-imports

test-full: install-full models
	@OMP_NUM_THREADS=1 $(FULL)/bin/pytest -q -m "torch or milvus or local_llm or mcp"

clean: ## remove what the targets made, environments included
	@rm -rf $(VENV) $(FULL) out .home build dist *.egg-info
