# Commands for developers. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
EXTRAS := api,batch,embedded,als,reranker,tune,sql,kafka,airflow,dev
DATA ?= data
PORT ?= 8000
JOBS ?= 2
MINUTES ?= 20
# The folder of the data sets goodbooks-10k and amazon-book-kgat, for measurements and tests.
export NIGHTSHELF_DATASETS ?= ../shared/data
# Use the installed model. Do not contact a model hub.
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
# Every target with a description (##) is a command, not a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}'

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Nightshelf needs Python 3.11 or newer; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what serving and the nightly run need (a few minutes the first time) …"
	$(PIP) -e '.[api,batch,embedded]'
	touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the tools for tests and checks …"
	$(PIP) -e '.[$(EXTRAS)]'
	touch $@

setup: $(VENV)/.dev ## install everything a developer needs into .venv

demo: $(VENV)/.run ## build the demo and serve it on http://127.0.0.1:8000 (PORT=, DATA=)
	$(BIN)/nightshelf demo --data-dir $(DATA) --port $(PORT)

tune-goodbooks: $(VENV)/.dev ## search for better settings on goodbooks-10k (NIGHTSHELF_DATASETS=, MINUTES=)
	$(BIN)/nightshelf ingest --source $(NIGHTSHELF_DATASETS)/goodbooks-10k --data-dir $(DATA)/goodbooks
	$(BIN)/nightshelf tune --minutes $(MINUTES) --data-dir $(DATA)/goodbooks

# All tests of a file run on one worker, because they share fixtures. The order is that of collection: slow files first.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(if $(SEED),--randomly-seed=$(SEED))

test: $(VENV)/.dev ## run all tests, in random order (TESTS= for some, SEED= for one order)
	$(PYTEST) $(TESTS)

test-fast: $(VENV)/.dev ## run the unit tests
	$(PYTEST) tests/unit

check: $(VENV)/.dev ## ruff, mypy --strict, import-linter, the house rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=dags $(BIN)/mypy dags
	$(BIN)/mypy --explicit-package-bases tests/house docs/reference
	$(BIN)/lint-imports
	$(BIN)/python tests/house/check_house.py

coverage: $(VENV)/.dev ## run all tests; fail below 100 % line and branch coverage of shared/, or 95 % of everything
	$(BIN)/python -m coverage erase
	$(PYTEST) --cov --cov-report= $(TESTS)
	$(BIN)/python -m coverage report --include='shared/*' --fail-under=100
	$(BIN)/python -m coverage report --fail-under=95

docs: $(VENV)/.dev ## write the pages of docs/ that are generated from the code
	$(BIN)/python -m docs.reference.write

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-top-n bench-own-code bench-index bench-api bench-live bench-nightly bench-top-n-memory ## every measurement in benchmarks/README.md

# OPENBLAS_* variables may choose a kernel that is slow on this processor. Measurements unset them.
BENCH := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python

bench-top-n: $(VENV)/.dev ## top-N compared with implicit's recommend
	$(BENCH) benchmarks/top_n.py

bench-top-n-memory: $(VENV)/.dev ## peak memory of top-N for a million users
	$(BENCH) benchmarks/top_n_memory.py

bench-own-code: $(VENV)/.dev ## our SVD and blend compared with the usual ways
	$(BENCH) benchmarks/own_code.py

bench-api: $(VENV)/.dev ## the endpoint compared with a bare route and a direct version
	$(BENCH) benchmarks/api.py

bench-live: $(VENV)/.dev ## fold-in of one list, and the reranker after the blend
	$(BENCH) benchmarks/live_parts.py

bench-index: $(VENV)/.dev ## the index over descriptions compared with an exact index and a graph
	$(BENCH) benchmarks/index_choice.py

# The figures of docs/quality.md.
AMAZON := $(NIGHTSHELF_DATASETS)/amazon-book-kgat

quality-goodbooks: $(VENV)/.dev ## the served pipeline and single systems tuned in the same way (goodbooks-10k)
	$(BENCH) benchmarks/quality.py goodbooks --data-dir $(DATA)/quality

quality-amazon: $(VENV)/.dev ## the served pipeline on the published Amazon-Book split
	env $$(grep -v '^#' benchmarks/amazon-book.env) $(BIN)/nightshelf evaluate --train $(AMAZON)/train.txt.gz \
		--test $(AMAZON)/test.txt.gz --order none --system served --data-dir $(DATA)/quality --out $(DATA)/quality-amazon.json

quality-cold: $(VENV)/.dev ## books without interactions, and users with few (goodbooks-10k)
	NIGHTSHELF_RERANKER__ENABLED=true $(BIN)/nightshelf evaluate --source $(NIGHTSHELF_DATASETS)/goodbooks-10k --split cold-books --split cold-users \
		--data-dir $(DATA)/quality --out $(DATA)/quality-cold.json

bench-nightly: $(VENV)/.dev ## a second nightly run on unchanged data compared with the first
	$(BENCH) benchmarks/nightly.py

dag-steps: $(VENV)/.run ## write the steps of a nightly run for the DAGs (after a change of the step table)
	$(BIN)/python -m services.batch.night.step_table dags/nightshelf_steps.json

pictures: $(VENV)/.dev ## take the screenshots in docs/pictures again; needs Chromium
	$(BIN)/python docs/pictures/take.py

compose-test: $(VENV)/.dev ## build and test the Compose system; needs a Docker engine, or root and Debian
	$(BIN)/python tests/compose/walk.py

image-report: $(VENV)/.dev ## check that the API image has no batch libraries; show its size and start-up time
	$(BIN)/python tests/compose/image_report.py

constraints: ## pin every dependency, starting from an empty environment
	rm -rf .venv-constraints && $(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/python -m pip install --quiet 'torch==2.13.0'
	.venv-constraints/bin/python -m pip install --quiet 'torch==2.13.0' -e '.[$(EXTRAS)]'
	{ sed '/^[^#]/,$$d' constraints.txt; .venv-constraints/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt && rm -rf .venv-constraints

clean: ## remove the environment and caches, but no data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
