# One task file. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
# Without byte code every start of the command line would compile whale anew.
unexport PYTHONDONTWRITEBYTECODE
# Users do not have it, and it changes how a broken stderr ends a program.
unexport PYTHONUNBUFFERED
ARGS ?=

.PHONY: help env demo demo-down check check-format check-lint check-types check-imports check-mirror \
        check-documents test soak unit property conformance integration e2e fuzz cov bench fmt reference \
        engine engine-down clean

help: ## list the targets
	@grep -E '^[a-z0-9 -]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 30

env: ## make the locked environment in .venv
	@sh scripts/env.sh

demo: env ## sample containers, a server, and a shell in one of them
	@$(PY) -m scripts.demo

demo-down: env ## remove everything that `make demo` started
	@$(PY) -m scripts.demo down

check: check-format check-lint check-types check-imports check-mirror check-documents ## every check, without running whale

check-format: env
	.venv/bin/ruff format --check

check-lint: env
	.venv/bin/ruff check

check-types: env
	.venv/bin/mypy

check-imports: env
	.venv/bin/lint-imports

check-mirror: env
	$(PY) -m scripts.check_mirror

check-documents: env
	$(PY) -m scripts.error_reference --check
	$(PY) -m scripts.cli_reference --check
	$(PY) -m scripts.check_security_tests

test: env ## everything, from unit to end-to-end, on real engines
	@$(PY) -m scripts.run_tests $(ARGS)

unit: env ## unit and property tests: no engine needed
	@$(PY) -m scripts.provision node
	$(PY) -m pytest tests/unit tests/property $(ARGS)

property: env ## property tests alone
	$(PY) -m pytest tests/property $(ARGS)

conformance integration e2e: env ## the tests of one kind, on a real engine
	@$(PY) -m scripts.provision node
	@DOCKER_HOST=$$($(PY) -m scripts.provision images) && export DOCKER_HOST && $(PY) -m pytest tests/$@ $(ARGS)

soak: env ## the long form of what a server survives: 1 GiB through 100 cuts, 40 kills, 200,000 events, 100 repaints
	@DOCKER_HOST=$$($(PY) -m scripts.provision images) && export DOCKER_HOST && WHALE_SOAK=1 $(PY) -m pytest -v --timeout 1800 \
		tests/e2e/test_resume.py tests/e2e/test_server_death.py tests/e2e/test_many.py tests/e2e/test_audit_soak.py \
		tests/integration/test_repaint.py tests/integration/test_all_at_once.py tests/property/test_recording_cuts.py \
		tests/integration/test_recording_size.py tests/integration/test_recording_jumps.py \
		tests/integration/test_stock_players.py $(ARGS)

fuzz: env ## each parser fuzzed for a minute
	$(PY) -m fuzz.run --seconds 60 $(ARGS)

cov: env ## coverage of each source file by its own unit test file
	@$(PY) -m scripts.run_tests own

bench: env ## whale beside docker, ssh and the raw engine socket
	@DOCKER_HOST=$$($(PY) -m scripts.provision images) && export DOCKER_HOST && $(PY) -m bench.run $(ARGS)

fmt: env ## format, and repair what can be repaired
	.venv/bin/ruff check --fix --quiet || true
	.venv/bin/ruff format

reference: env ## write the generated documents
	$(PY) -m scripts.error_reference
	$(PY) -m scripts.cli_reference

engine: env ## provide an engine and the sample images; print its address
	@$(PY) -m scripts.provision images

engine-down: env ## stop the engine that was started here
	@$(PY) -m scripts.provision down

clean: ## remove caches and build output, but not the environment
	rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
