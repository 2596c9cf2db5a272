# Everything a developer needs, one word each: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
CARGO ?= cargo
# Where cargo builds; the packaging hands it on, so that nothing is compiled twice.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
FUZZ_SECONDS ?= 600
# The images that tests boot from are kept from one run to the next.
export RAMET_TEST_HOME ?= $(CURDIR)/target/test-home
PYTEST_ARGS ?=
LINTED := $(wildcard python build_backend packaging tests benchmarks scripts)

RUST_SOURCES := $(shell find crates -name '*.rs' -o -name '*.toml' -o -name '*.ld' -o -name '*.S' -o -name '*.s' 2>/dev/null) Cargo.toml Cargo.lock
PYTHON_SOURCES := $(shell find python build_backend packaging -type f -not -path '*/_bin/*' -not -path '*/__pycache__/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup build test test-rust test-python test-svm fuzz soak compatibility bench demo lint clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/package ## check the host, make .venv, install Ramet and its tools there

$(STAMPS)/system: scripts/host-setup $(wildcard tests/guests/packages.txt)
	@scripts/host-setup "$(PYTHON)"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/venv: pyproject.toml $(STAMPS)/system scripts/dev-requirements
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@scripts/dev-requirements pyproject.toml > $(STAMPS)/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(STAMPS)/requirements.txt
	@touch $@

$(STAMPS)/package: $(STAMPS)/venv $(RUST_SOURCES) $(PYTHON_SOURCES)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@touch $@

build: setup ## compile everything, install it into .venv

test: setup test-rust test-python ## all functional tests, with a smoke of hardware-style KVM

test-rust: $(STAMPS)/system
	$(CARGO) test --quiet

test-python: setup
	$(BIN)/python -m pytest -q $(PYTEST_ARGS)

# What can differ between the kinds of KVM: entries and exits, page tables, time, signals and kicks, vector state, clones and forks. What
# the kernel does between two exits is the same on both. PYTEST_ARGS=tests/functional runs everything there: the better part of a day.
SVM_TESTS := tests/functional/test_guests.py tests/functional/test_identity.py tests/functional/test_api_kvm.py tests/functional/test_device_ramet.py
SVM_CASES := (test_identity or test_api_kvm or test_device_ramet or patch/ or faults/ or signals/ or threads/ or mm/ or time/ or vfork/ \
	or process/fork/ or process/memory/ or process/spawn/) and not thousand and not musl

# The emulated machine has no network, and a compiler would take hours there.
test-svm: setup ## what depends on the kind of KVM, on hardware-style KVM (SVM and nested paging, emulated: slow)
	$(BIN)/python tests/prepare.py
	scripts/svm-host -t 43200 -m 4096 -- env RAMET_TEST_PREPARED=1 $(BIN)/python -m pytest -v -p no:cacheprovider -o timeout=6000 \
		$(or $(PYTEST_ARGS),$(SVM_TESTS) -k "$(SVM_CASES)")

fuzz: setup ## a hostile guest against the VMM, for FUZZ_SECONDS
	RAMET_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -q -o timeout=0 tests/security

soak: setup ## sessions of thousands of processes that come, go and are killed
	RAMET_SOAK=20 $(BIN)/python -m pytest -q -o timeout=0 tests/functional/test_session_faults.py tests/functional/test_process_properties.py

compatibility: setup ## docs/compatibility.md from a run of its tests, whatever their results
	-RAMET_RESULTS=$(CURDIR)/target/results.json $(BIN)/python -m pytest -q tests/functional/test_guests.py \
		tests/functional/test_programs.py tests/functional/test_session_programs.py
	scripts/compatibility target/results.json

bench: setup ## every benchmark: table, JSON and plots in target/bench
	@mkdir -p target/bench
	$(BIN)/ramet bench all --json target/bench/bench.json --plot target/bench/bench.png

demo: setup ## boot Python, clone it a hundred times, check every answer
	@$(BIN)/python -m ramet.demo

lint: $(STAMPS)/venv ## formatting, clippy, ruff, mypy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --all-targets -- -D warnings
	$(CARGO) clippy --quiet --release -p ramet-kernel -- -D warnings
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy

clean: ## remove what was built
	rm -rf $(VENV) target python/ramet/_bin .mypy_cache .ruff_cache .pytest_cache .hypothesis
