# What a newcomer types. Every target sets up what it needs first; a second run skips what is done.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench doctor lock docs config clean distclean
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
PYTEST_ARGS ?= -q -n 2 --dist loadfile
BENCHMARKS ?= frame map demo
# One thread per process: the tests run side by side, and robots have other things to do with their cores.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

help:  ## what there is to type
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock setup.py scripts/setup $(wildcard msgs/*/* msgs/*/*/* tests/interfaces/*/*/*)
	@bash scripts/setup
	@touch $@

setup: $(READY)  ## .venv with pinned packages, and the system libraries they need

demo: $(READY)  ## a robot remembers a home, notices a change, finds and brings (out/demo/)
	@$(BIN)/robomem demo $(ARGS)

test: $(READY)  ## the whole test suite
	@$(BIN)/python -m pytest $(PYTEST_ARGS) $(ARGS)

check: $(READY)  ## lint and types
	@$(BIN)/ruff check .
	@$(BIN)/pyright

bench: $(READY)  ## the benchmarks in their short form (BENCHMARKS="frame map demo")
	@for name in $(BENCHMARKS); do $(BIN)/robomem bench $$name --quick $(ARGS) || exit 1; done

doctor: $(READY)  ## what is installed, what is missing, which command mends it
	@$(BIN)/python -m robomem.doctor

lock: $(READY)  ## write requirements.lock anew
	@$(BIN)/python scripts/lock.py

docs: $(READY)  ## write docs/nodes.md and docs/api.md anew from the nodes and the code
	@$(BIN)/python scripts/nodes_page.py
	@$(BIN)/python scripts/api_page.py

config: $(READY)  ## write config/robomem.yaml from the code's defaults
	@$(BIN)/python scripts/config.py

clean:  ## remove caches and results, keep .venv
	rm -rf out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## and .venv
	rm -rf $(VENV)
