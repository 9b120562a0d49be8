# Every task of this repository. uv is used where it is on PATH, else installed into .uv/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
RUN := $(UV) run --no-sync
STAFF ?=
SPEED ?=
ONCE ?=
WORKERS ?=
ONLY ?=
BASE ?=
RUNS ?=
ARGS ?=
JOBS ?= 1
IN_PROCESSES = $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile --no-loadscope-reorder)
SEED ?=
DAYS ?=
MINUTES ?= 15

.PHONY: help setup hooks browser up run test faults drills coverage lint format pictures examples month schemas contract sbom bench bench-check soak audit clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@# Debian's python3 comes without ensurepip; its package is named where it may not be installed.
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2; \
	  else echo "python3-venv is missing. Install it: sudo apt-get install -y python3-venv" >&2; exit 1; fi; }
	python3 -m venv .uv
	.uv/bin/pip install -q --disable-pip-version-check uv

setup: $(if $(filter .uv/%,$(UV)),.uv/bin/uv) ## Install what is needed to run and test (Python packages; the rest comes at first use)
	@$(UV) sync -q

hooks: setup ## Run the linters before every commit of this clone
	@$(RUN) pre-commit install

browser:
	@# The board's tests drive a real Chromium; Playwright's own download is not used.
	@[ -n "$$PLAYWRIGHT_CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Chromium for the board's tests" >&2; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2; \
	  else echo "Chromium is missing. Install it: sudo apt-get install -y chromium" >&2; exit 1; fi; }

up: setup ## Start everything on this machine, empty of data; Ctrl-C stops it (WORKERS=2: so many processes for check-ins)
	@$(RUN) hadir up $(if $(WORKERS),--processes --workers $(WORKERS)) $(ARGS)

run: setup ## Start everything and play a working day, then stay up (ONCE=1: stop after it; STAFF=24000; SPEED=600)
	@$(RUN) hadir run $(if $(ONCE),--once) $(if $(STAFF),--staff $(STAFF)) $(if $(SPEED),--speed $(SPEED)) $(if $(WORKERS),--processes --workers $(WORKERS)) $(ARGS)

test: setup browser ## Run all tests on a real Kafka and PostgreSQL (ARGS="tests/unit -k punch"; JOBS=2: two processes)
	@$(RUN) pytest $(IN_PROCESSES) $(ARGS)

faults: setup ## Break things on purpose (ONLY=forty: docs/faults.md; ONLY=guards: without each its test fails; SEED=7 MINUTES=15: a nemesis)
	@$(RUN) $(if $(SEED),python -m tests.nemesis --seed $(SEED) --minutes $(MINUTES),pytest -m "$(if $(filter guards,$(ONLY)),guard,fault)") $(ARGS)

drills: setup ## Practise what is done once in years: one broker becomes three, a standby takes over (3 minutes)
	@$(RUN) python -m deploy.drills.brokers
	@$(RUN) pytest tests/faults/test_standby.py

coverage: setup ## Count the branches that tests/unit and tests/contract take (ARGS=tests: all; JOBS=2)
	@$(RUN) pytest --cov --cov-report=term $(IN_PROCESSES) $(or $(ARGS),tests/unit tests/contract)

lint: setup ## Check style, types, and who imports whom
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) basedpyright
	@$(RUN) lint-imports

format: setup ## Mend style
	@$(RUN) ruff check --fix -q . || true
	@$(RUN) ruff format .

pictures: setup browser ## Draw the pictures of the pages anew, in docs/
	@$(RUN) pytest tests/e2e/pictures.py tests/e2e/desk_pictures.py tests/e2e/board_pictures.py tests/e2e/pilot_pictures.py

examples: setup ## Type what docs/subscribe.md says, over TLS, plain and by HTTP, and run its programs through a bad week (ARGS="-k java"; minutes)
	@$(RUN) pytest tests/e2e/examples.py tests/integration/test_subscribe.py tests/integration/test_subscribe_over_http.py $(ARGS)

month: setup ## Play twenty working days, then look through every record for what tells of a person (an hour, goes on where it was; DAYS=5 STAFF=2000)
	@HADIR_MONTH_DAYS=$(DAYS) HADIR_MONTH_STAFF=$(STAFF) $(RUN) pytest -s tests/e2e/month.py $(ARGS)

schemas: setup ## Write the events' JSON schemas to docs/events/, the doors' OpenAPI documents to docs/api/, previews to docs/messages/
	@$(RUN) python -m shared.events.schemas
	@$(RUN) python -m shared.catalogue
	@$(RUN) python -m deploy.openapi
	@$(RUN) python -m deploy.previews

sbom: setup ## Write what the image is made of to sbom.cdx.json (CycloneDX), as it lies in the image under /app
	@$(UV) export --frozen --no-default-groups --group image --format cyclonedx1.5 -q -o sbom.cdx.json
contract: setup ## Fail, with the reason, where a change of an event or topic breaks readers of before or of now
	@$(RUN) pytest -q tests/contract/test_schemas.py tests/contract/test_contract_changelog.py

soak: setup ## The same load without faults: what of memory, open files and queues grows (MINUTES=60; soak.png)
	@$(RUN) python -m tests.nemesis --seed $(or $(SEED),7) --minutes $(MINUTES) --soak soak.png $(ARGS)

audit: setup ## Knock long at every door, look for known weaknesses in code and packages, and check licences
	@$(RUN) pytest tests/contract/test_licences.py
	@# What is skipped ruff judges too (S104, S301, S310, S608, S704), place by place, with the reason beside it.
	@$(RUN) --with bandit bandit -q -r shared services deploy demo -ll -ii --skip B104,B301,B310,B608,B704
	@$(RUN) --with pip-audit pip-audit --local --skip-editable
	@HADIR_KNOCKS=$(or $(KNOCKS),100) $(RUN) pytest tests/integration/test_every_document.py

bench: setup ## Measure, as ratios in one run (BASE=1f2a967: against that commit; ONLY="projector intake"; RUNS=3)
	@$(RUN) python -m bench $(if $(BASE),--base $(BASE)) $(if $(RUNS),--runs $(RUNS)) $(ONLY)

bench-check: setup ## Fail where a figure of the latest results got worse by more than 10 %
	@$(RUN) python -m bench --check

clean: ## Remove the local system's data and all caches
	@[ ! -x .venv/bin/hadir ] || .venv/bin/hadir erase
	rm -rf .venv .uv .bench .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
