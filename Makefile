# `make compare` and `make test` each do everything from a fresh clone: only Python 3.11+ is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := imbalance_bench tests benchmarks
SLOW := slow or browser or cluster or docs

.PHONY: install compare checks test test-all clean
.DELETE_ON_ERROR:

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	"imbench needs Python 3.11 or newer, found %d.%d; try: make PYTHON=python3.12 compare" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

compare: install
	$(BIN)/imbench compare

checks: install
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

test: checks
	$(BIN)/pytest -q -n 2 -m 'not ($(SLOW))'

test-all: install
	$(BIN)/pytest -q -n 2

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
