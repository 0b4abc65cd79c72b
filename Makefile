# Everything from a fresh machine: python3 (3.11 or newer) with its venv module, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := demo

.PHONY: all demo test lint bench docs release clean
all: demo

# One environment for everything, made anew when the project's requirements change.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "latsky needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)  ## make a synthetic sky, analyse it, fit a model, write the report
	$(BIN)/latsky demo $(DEMO)
	$(BIN)/latsky run $(DEMO)/analysis.yaml
	@echo 'look at: $(DEMO)/run/report/index.html'
	@echo 'next: source $(VENV)/bin/activate, then for an analysis of your own: latsky init DIRECTORY'

test: $(STAMP)  ## all tests; those on reference data where LATSKY_REFERENCE has it
	$(BIN)/pytest -q -n 2 --dist loadscope

lint: $(STAMP)  ## style of the code, and whether the generated pages are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python docs/generate.py --check

docs: $(STAMP)  ## pages of the tools, from the CWL
	$(BIN)/python docs/generate.py

bench: $(STAMP)  ## time and memory of the commands
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

release: $(STAMP)  ## the workflow as a crate for registries, with the packed document, in dist/
	$(BIN)/python -m latsky.provenance.workflow_crate dist/workflow-crate

clean:  ## remove what was made
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .ruff_cache
	find python tests -name __pycache__ -prune -exec rm -rf {} +
