# One command per habit. Each sets up what it needs: a checkout, Python 3.11 or newer, Rust and Node are enough.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.tools/bin:$(PATH)
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export PYO3_PYTHON := $(CURDIR)/.venv/bin/python

# rustup's cargo finds its toolchain through HOME. Under another HOME, look beside cargo itself.
ifndef RUSTUP_HOME
  cargo_bin := $(realpath $(shell command -v cargo))
  ifeq ($(shell cargo --version 2>/dev/null),)
    ifneq ($(wildcard $(dir $(cargo_bin))../../.rustup),)
      export RUSTUP_HOME := $(abspath $(dir $(cargo_bin))../../.rustup)
    endif
  endif
endif

STEP := scripts/step
RUN := .venv/bin/python
WORKERS ?= 2
FUZZ_SECONDS ?= 10

.PHONY: help
help: ## What there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## The console on a local chain, with sample agents at work
	@exec .venv/bin/holdfast demo

.PHONY: test
test: setup ## Every test
	@$(STEP) "core tests" cargo test --locked --workspace --exclude holdfast-binding
	@$(STEP) "tests" $(RUN) -m pytest -n $(WORKERS) --dist loadfile

.PHONY: t
t: setup ## The tests with K in their name or file, Rust and Python: make t K=freeze
	@scripts/one-test "$(K)"

.PHONY: check
check: setup .tools/bin/cargo-deny ## Formatting, lints, types, import contracts, licences
	@$(STEP) "Rust format" cargo fmt --all --check
	@$(STEP) "Python format" $(RUN) -m ruff format --check .
	@$(STEP) "Python lint" $(RUN) -m ruff check .
	@$(STEP) "Python types" $(RUN) -m mypy
	@$(STEP) "import contracts" .venv/bin/lint-imports --no-logo
	@$(STEP) "types of the extension" $(RUN) -m mypy.stubtest holdfast._core \
		--mypy-config-file pyproject.toml
	@$(STEP) "Rust lint" cargo clippy --locked --workspace --all-targets -- -D warnings
	@$(STEP) "crates: licences, bans, sources" cargo deny --locked check --hide-inclusion-graph \
		licenses bans sources
	@$(STEP) "crates: advisories" scripts/advisories

.PHONY: fuzz
fuzz: setup ## Every parser, fuzzed for a moment from a seeded corpus
	@$(STEP) "fuzz targets" scripts/fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: setup ## The figures of docs/performance.md
	@$(RUN) -m tests.bench.run $(BENCH)

.PHONY: prove
prove: setup ## Long proofs: crashes, races, many more generated cases
	@$(STEP) "properties" env PROPTEST_CASES=$${PROPTEST_CASES:-4096} \
		cargo test --locked --release -p holdfast-core
	@$(STEP) "fuzz targets" scripts/fuzz $${FUZZ_SECONDS:-300}
	@$(STEP) "two evaluators of policies" env NAIVE_TRIPLES=$${NAIVE_TRIPLES:-1000000} \
		$(RUN) -m pytest -m prove tests/naive
	@$(STEP) "crashes and races" $(RUN) -m pytest -m prove -n 0 --ignore=tests/naive

.PHONY: format
format: setup ## Puts the layout of the code right
	@cargo fmt --all
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

# uv decides by the cache keys in pyproject.toml whether the extension has to be built again.
.PHONY: setup
setup: rust .tools/npm/.done ## Everything the other targets need
	@uv=$$(scripts/setup uv) && $(STEP) "Python environment and extension" $$uv sync --locked --quiet

.PHONY: rust
rust:
	@cargo --version >/dev/null 2>&1 || { \
		echo "Rust is needed and cargo does not answer; install a stable toolchain (1.88 or newer)" >&2; \
		exit 1; }

.tools/npm/.done: scripts/npm/package.json scripts/npm/package-lock.json
	@$(STEP) "local chain and clients (npm)" scripts/setup node
	@touch $@

.tools/bin/cargo-deny:
	@$(STEP) "cargo-deny" scripts/setup deny

.PHONY: tools
tools: .tools/npm/.done ## The local chain and the agents' JavaScript clients

.PHONY: clean
clean: ## Removes what was built, not what was written
	@rm -rf target .venv .tools python/holdfast/*.so
