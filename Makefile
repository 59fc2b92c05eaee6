# make demo · make test · make lint · make bench · make docs
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# The native library is built and tested where there is a Rust compiler; without one all else works.
CARGO  := $(if $(shell command -v cargo),cd collector/native && cargo,@: no cargo, so without the native library:)

.PHONY: demo test lint bench soak docs format clean

demo: $(STAMP)  ## start the collector, run the sample pipeline, show the result
	@$(BIN)/stepsight demo --fail evaluate

test: $(STAMP)  ## the whole test suite
	$(CARGO) test --quiet --release
	$(BIN)/pytest -q

lint: $(STAMP)  ## format check, ruff, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --release --all-targets -- -D warnings

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(CARGO) fmt

bench: $(STAMP)  ## every number that we claim
	$(BIN)/python bench/freshness.py
	$(BIN)/python bench/ingest.py
	$(BIN)/python bench/breeze.py
	$(BIN)/python bench/footprint.py
	$(BIN)/python bench/insert_cost.py
	$(BIN)/python bench/rows.py
	$(BIN)/python bench/rows.py
	$(BIN)/python bench/sustained.py
	$(BIN)/python bench/query.py
	$(BIN)/python bench/sdk.py
	$(BIN)/python bench/training.py
	$(BIN)/python bench/door.py

docs: $(STAMP)  ## pages that are made from code, and answers to queries; leaves no difference
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/examples.py

soak: $(STAMP)  ## kill -9, a full store and a refusing one, under load; SOAK="--kills 200 --seconds 120"
	PYTHONPATH=tests/support $(BIN)/python bench/soak.py $(SOAK)

$(STAMP): pyproject.toml hatch_build.py $(wildcard collector/native/Cargo.* collector/native/src/*.rs)
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing stepsight and its dependencies into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV)
