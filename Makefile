# What a fresh clone needs: Python, make and git. Thin over pip, pytest and probatio (the README shows them for Windows).

VENV := .venv
STAMP := $(VENV)/.installed
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input

# One thread per process: results and timings do not depend on the number of cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export PYTHONUTF8 := 1
# What Python compiles is kept, even where the environment asks for the contrary: packages are installed without it, and
# each notebook's process would compile all that it imports again, for seconds.
export PYTHONDONTWRITEBYTECODE :=

# The first suitable Python, as "found <command>", or the sentence to print.
CANDIDATES := $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3 python)
SEARCH = without=; seen=; \
	for python in $(CANDIDATES); do \
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  case "$$version" in \
	    3.11|3.12|3.13) ;; \
	    *) seen="$${seen:+$$seen, }$$python is $$version"; continue ;; \
	  esac; \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then echo "found $$python"; exit; fi; \
	  without="$${without:-$$python ($$version)}"; \
	done; \
	if [ -n "$$without" ]; then \
	  echo "$$without lacks the venv or ensurepip module: install it (Debian and Ubuntu: the package python3-venv)" \
	    "or name another Python, as in: make setup PYTHON=/path/to/python3.12"; \
	else \
	  echo "Probatio needs Python 3.11, 3.12 or 3.13 ($${seen:-none of the names tried starts one}): install one," \
	    "or name it, as in: make setup PYTHON=/path/to/python3.12"; \
	fi
ANSWER = $(eval ANSWER := $$(shell $$(SEARCH)))$(ANSWER)

# An installed clone that was moved or copied would still point to its old place.
ifneq ($(wildcard $(STAMP)),)
ifneq ($(shell cat $(STAMP)),$(CURDIR))
MOVED := moved
.PHONY: $(STAMP)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup reproduce documents lint test notebooks clean

help:
	@echo "make reproduce   set up, run the bundled studies, write the reports"
	@echo "make documents   set up, run what is not fresh, make every document (HTML, PDF, DOCX)"
	@echo "make test        set up, lint, run the tests and the notebooks"
	@echo "make setup       set up only: $(VENV) from requirements.lock"
	@echo "make lint        ruff, mypy, order of the rooms"
	@echo "make notebooks   execute the committed notebooks again, in place"
	@echo "make clean       remove $(VENV) and caches; runs/ and downloaded data stay"

setup: $(STAMP)
	@echo "$(VENV) is ready"

$(STAMP): requirements.lock pyproject.toml
	@$(if $(filter found,$(firstword $(ANSWER))),,$(error $(ANSWER)))
	@echo "Setting up $(VENV) from requirements.lock (a minute or two, once)"
	@$(if $(MOVED),rm -rf $(VENV))
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(filter-out found,$(ANSWER))" -m venv --clear $(VENV)
	@$(PIP) install --no-compile --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/probatio stage
	@echo "$(CURDIR)" >$@

reproduce: $(STAMP)
	@$(BIN)/probatio reproduce

documents: $(STAMP)
	@$(BIN)/probatio documents

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# The protocol and the cohort are short and needed by all; beside them the longest, so that two workers end together; then those that need them.
FIRST := $(patsubst %,notebooks/%.ipynb,00_protocol 06_tolerance 01_cohort 04_replication 03_agreement 07_confidence 02_data_quality 08_review)
FOUND := $(sort $(wildcard notebooks/*.ipynb notebooks/tutorial/*.ipynb))
NOTEBOOKS := $(filter $(FOUND),$(FIRST)) $(filter-out $(FIRST),$(FOUND))
NBVAL := -n 2 --dist loadfile --no-loadscope-reorder -p nbval --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg

# Lint takes one processor for a minute: it runs beside the notebooks, and its words and verdict come after theirs.
test: $(STAMP)
	@$(MAKE) --no-print-directory lint >.lint.log 2>&1 & lint=$$!; notebooks=0; \
	$(if $(NOTEBOOKS),PROBATIO_WHOLE=1 $(BIN)/python -m pytest $(NBVAL) $(NOTEBOOKS) || notebooks=$$?;) \
	wait $$lint; code=$$?; cat .lint.log; rm -f .lint.log; exit $$((code ? code : notebooks))
	@$(BIN)/python -m pytest -n 2 --dist worksteal

# The committed notebooks, executed on the bundled study; text outputs are what nbval compares.
notebooks: $(STAMP)
	@$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False $(NOTEBOOKS)

clean:
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .quarto
	@find src tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
