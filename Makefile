# The front door. `make` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROOF ?= 2000,50
PROTOS := $(shell find proto -name '*.proto' | sort)
# Processes that are started again and again read their bytecode, also where the environment would not keep any.
unexport PYTHONDONTWRITEBYTECODE
# All that a change of which makes the environment stale.
READY := $(VENV)/.ready
SAMPLE := build/sample/.sample-version
AZURITE := tests/azurite/node_modules/.installed

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment .venv with everything in it
$(READY): pyproject.toml clients/python/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "exportd needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up $(VENV) (one to two minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[dev]'
	@touch $@

# protoc into the directory $(1): messages of every file, stubs of the files with a service.
PROTOC = $(BIN)/python -m grpc_tools.protoc -Iproto --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
  --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc
generate = $(PROTOC) --python_out=$(1) --mypy_out=quiet:$(1) $(PROTOS) && \
  $(PROTOC) --grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(filter %_service.proto,$(PROTOS))
# Whether $(1) holds what was generated into $(2), beside what nobody generates.
same = diff -r -x '*.proto' -x py.typed -x __pycache__ $(1) $(2)

demo: $(SAMPLE) ## Run the main job on real data: three exports into build/demo/
	@$(BIN)/python -m demo

run: $(SAMPLE) ## Leave all three services running on the sample, for trying things out
	@$(BIN)/python -m demo serve

sample: $(SAMPLE) ## Build the sample data in build/sample/
$(SAMPLE): $(READY) $(wildcard sample/*.py sample/*.toml)
	@$(BIN)/python -m sample build/sample
	@touch $@

PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
# Four on any machine: tests wait for servers and processes about as long as they compute.
JOBS ?= 4

test: $(READY) ## Run what every change needs, in four processes: make test, make test ARGS='tests/ports -k lease', make test JOBS=0 ARGS=--pdb
	@$(PYTEST) -m 'not deep' $(ARGS)

test-all: $(READY) $(AZURITE) ## Run every test: before a pull request, as CI does; takes ARGS and JOBS, too
	@$(PYTEST) $(ARGS)

$(AZURITE): $(READY) tests/azurite/package-lock.json
	@echo "Bringing the emulator of Azure's object store (186 MB from npm the first time)"
	@$(BIN)/python -m tests.servers.azurite

test-unit: $(READY) ## Run the tests that need no server, no process and no patience
	@$(PYTEST) -m 'not slow and not deep' tests/unit $(ARGS)

proof: $(READY) ## Try at random what the tests try a part of; the store, beside its model, by PROOF=2000,50: stories, steps
	@EXPORTD_PROOF=$(PROOF) $(BIN)/python -m pytest -m proof -o faulthandler_timeout=0 $(ARGS)

check: $(READY) proto-check breaking ## Lint of code and interfaces, types, generated code and the import rule
	@$(BIN)/buf lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run .venv/bin/ruff format ."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_architecture.py tests/test_patience.py tests/test_tiers.py

bench: $(VENV)/.bench-ready ## Measure beside others: make bench, make bench BENCH=xlsx (csv zip memory queue download http secured sources large), STORE=postgres
	@$(BIN)/python -m bench $(BENCH) $(if $(STORE),--store $(STORE))
$(VENV)/.bench-ready: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[dev,bench]'
	@touch $@

chaos: $(READY) ## Both services under fire: make chaos, make chaos ROUNDS=200 (SECONDS=120, SEED=7, STORE=postgres)
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(STORE),--store $(STORE))

demo-cluster: $(READY) ## Two apis, three workers, PostgreSQL, an object store: a hundred exports while one of each is killed
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m chaos.demonstration $(if $(EXPORTS),--exports $(EXPORTS))

chaos-measure: $(READY) ## Throughput under kills, time to stop, to recover, memory: into build/chaos-measure.json
	@GRPC_VERBOSITY=ERROR $(BIN)/python -m chaos.measure $(ONLY)

rehearse: $(READY) ## Build the images of deploy/ without Docker, in folders, and export through them (needs root)
	@$(BIN)/python deploy/rehearse.py

coverage: $(VENV)/.coverage-ready $(AZURITE) ## Run every test and show what no test runs: build/coverage/index.html
	@$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=html:build/coverage $(ARGS)
$(VENV)/.coverage-ready: $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[dev,coverage]'
	@touch $@

docs: $(READY) ## Write the pages that are made from tested tables: docs/reference/, docs/query-grammar.md, docs/catalog.md
	@$(BIN)/python -m tests.unit.catalog.grammar_shown
	@$(BIN)/python -m tests.unit.catalog.catalog_docs
	@$(BIN)/python -m tests.docs.reference

site: $(READY) ## Make a site of docs/ in build/site/: python -m http.server -d build/site
	@$(BIN)/python -m zensical build --strict -f site.toml

golden: $(READY) ## Keep what the writers make now as the expected files of tests/golden/
	@$(BIN)/python -m tests.golden.update

dist: $(READY) ## Build every wheel into dist/: the services' and the client's
	@rm -f $(DIST)/exportd*.whl
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(DIST) clients/python .
DIST ?= dist

clean: ## Remove build/, dist/, caches and .venv
	@rm -rf build dist .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

proto: $(READY) ## Generate the Python of proto/, and the client for threads from that for asyncio
	@tmp=$$(mktemp -d) && trap "rm -rf $$tmp" EXIT && $(call generate,$$tmp) && \
	cp -r $$tmp/exportd/v1 clients/python/exportd/ && cp -r $$tmp/exportd/queue proto/exportd/
	@$(BIN)/python clients/python/synchronize.py clients/python/exportd_client/sync

proto-check: $(READY) ## Fail when the generated code is not what proto/ says
	@tmp=$$(mktemp -d) && trap "rm -rf $$tmp" EXIT && $(call generate,$$tmp) && \
	$(call same,clients/python/exportd/v1,$$tmp/exportd/v1) && $(call same,proto/exportd/queue,$$tmp/exportd/queue) && \
	$(BIN)/python clients/python/synchronize.py $$tmp/sync && \
	for made in $$tmp/sync/*.py; do diff $$made clients/python/exportd_client/sync/$${made##*/} || exit 1; done && \
	echo "generated code is up to date"

# The release whose clients the interfaces must not break.
RELEASED := v0.2.0
breaking: $(READY) ## Fail when the interfaces break clients of the last release
	@if ! git rev-parse --quiet --verify refs/tags/$(RELEASED) > /dev/null; then \
	  echo "there is no tag $(RELEASED) here (a shallow clone?): the interfaces are not compared with it"; \
	else \
	  tmp=$$(mktemp -d) && trap "rm -rf $$tmp" EXIT && \
	  git archive $(RELEASED) buf.yaml proto third_party | tar -x -C $$tmp && $(BIN)/buf breaking --against $$tmp; \
	fi

.PHONY: rehearse breaking coverage site help setup demo run sample test test-all test-unit proof check bench chaos chaos-measure docs golden dist clean proto proto-check
