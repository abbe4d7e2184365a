# `make demo` and `make test` do all their own set-up. Everything they install lands in .venv, in the
# user's cache and data directories, and (as root on Debian) in packages that the lab names first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check unit live lab bench lock clean

demo: .venv/ready
	$(BIN)/python -m demo

test: check unit live

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: .venv/ready
	$(BIN)/pytest -q -n auto -m "not live"

live: .venv/ready
	$(BIN)/python -m tests.lab tools || test -z "$$FASTBUILD_REQUIRE_LIVE"
	$(BIN)/pytest -m live

lab: .venv/ready
	$(BIN)/python -m tests.lab up

bench: .venv/ready
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.reorder

lock: .venv/ready
	$(BIN)/pip freeze --exclude fastbuild > requirements.lock

.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv || { apt-get install -y python3-venv && $(PYTHON) -m venv .venv; }
	$(BIN)/pip install -q -r requirements.lock
	$(BIN)/pip install -q --no-deps -e .
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
