# Each target makes its own virtual environment when it is missing or older than pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench chaos audit clean schemas dist

demo: $(READY)
	$(BIN)/openclaw-install demo

# The gates, then every test with branch coverage, two at a time; the ones on a real OpenClaw fetch it when it is
# missing.
test: lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config pyproject.toml

# Writes what is derived from the tables and records: schemas of tools and results, docs/tools.md, the skill's list,
# and docs/cures.md.
schemas: $(READY)
	$(BIN)/python -m openclaw_install.surfaces.snapshots
	$(BIN)/python -m tests.cure_rows

bench: $(READY)
	$(BIN)/python -m benchmarks

# Load, kill -9, faults, floods and damaged input on the real parts, for five to eight minutes; no part of `make test`,
# which runs the short form. CHAOS takes further words: make chaos CHAOS="--seed 7 one-turn".
chaos: $(READY)
	$(BIN)/python -m chaos $(CHAOS)

# Asks PyPI's advisory source about every package that is installed here; no part of `make test`, which needs no
# network for its verdict. Where the source does not answer it says "not judged" and fails.
audit: $(READY)
	$(PYTHON) -m venv $(VENV)/audit
	-$(VENV)/audit/bin/pip install --quiet 'pip-audit>=2.9,<3'
	$(BIN)/python -m tools.audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
		$(VENV)/audit/bin/pip-audit

# The wheel and the sdist, the same bytes from the same commit: each file in them has the commit's date.
DIST ?= dist
dist: $(VENV)/dist/.ready
	mkdir -p $(DIST)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1577836800) \
		$(VENV)/dist/bin/hatchling build --target sdist --target wheel --directory "$(abspath $(DIST))"

# One version of what builds: another one may order or name things otherwise.
$(VENV)/dist/.ready: Makefile
	$(PYTHON) -m venv $(VENV)/dist
	$(VENV)/dist/bin/pip install --quiet hatchling==1.33.0
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@
