# One task file. `make help` lists the targets.
.DEFAULT_GOAL := help
PY := .venv/bin/python

.PHONY: help env
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

env: .venv/.ready ## make the locked environment in .venv

.venv/.ready: requirements.lock pyproject.toml scripts/env.sh
	sh scripts/env.sh
	@touch $@
