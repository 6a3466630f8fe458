# Needs python3 (3.11 or newer, with venv), make and git. Everything else is fetched into .venv and .tools.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)

demo: .venv/ready ## Start the sandbox and the app against it; Ctrl-C ends both (SLACK_PORT=, TWILIO_PORT=)
	@SLACK_PORT=$(SLACK_PORT) TWILIO_PORT=$(TWILIO_PORT) $(PY) -m sandbox.demo

test: .venv/ready ## Run every test (browser tests too, where there is a Chromium)
	@env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -n $(WORKERS) --dist worksteal
WORKERS := $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
# stories wait for what they look at more than they work; and each worker would compile all tests anew if it might not keep them

lint: .venv/ready ## Check format, lint and types
	@$(PY) -m ruff format --check . && $(PY) -m ruff check . && $(PY) -m mypy

run: .venv/ready .env ## Run the app against the real Slack and Twilio, with the settings in .env
	@$(PY) -m bot migrate && exec $(PY) -m bot

lock: .venv/ready ## Pin the dependencies of pyproject.toml anew, with hashes and without addresses
	@$(UV) pip compile $(PINNED) --python-version 3.11 -o requirements.txt pyproject.toml
	@$(UV) pip compile $(PINNED) --python-version 3.11 --extra dev -o requirements-dev.txt pyproject.toml
	@echo '$(SIMLOOP)' | $(UV) pip compile $(PINNED) --python-version 3.12 -o requirements-simulation.txt -
SIMLOOP := simloop>=0.2.2
# an event loop with virtual time and a simulated network: of 3.12 and newer, and for make simulate alone
PINNED := --quiet --universal --generate-hashes --no-header --no-annotate

audit-dependencies: .venv/ready ## Ask whether an advisory is known for any pinned version; fails too where nobody could be asked
	@$(UV) tool run --quiet --from pip-audit==2.10.1 python -m tests.audit_dependencies requirements.txt requirements-dev.txt

bench: bench-acknowledgements bench-approval bench-start bench-under-way bench-size ## Measure all of it in turn: docs/performance.md says what, and what was found (RUNS=3)

bench-acknowledgements: .venv/ready ## Measure acknowledgements beside a bare Bolt app (RATE="50 200" SECONDS=5 RUNS=3)
	@RATE="$(RATE)" SECONDS=$(SECONDS) RUNS=$(RUNS) $(PY) -m bench.acknowledgements

bench-approval: .venv/ready ## Measure from Approve to done, Twilio taking 200 ms, beside as many bare calls (RUNS=3)
	@RUNS=$(RUNS) $(PY) -m bench.approval

bench-start: .venv/ready ## Measure start and memory; python -m bench.start imports lists what is heavy (RUNS=3)
	@RUNS=$(RUNS) $(PY) -m bench.start

bench-under-way: .venv/ready ## Measure what waits: 1,000 purchases and 500 bundles, and SCALE=10 times that
	@SCALE=$(SCALE) $(PY) -m bench.under_way

bench-size: .venv/ready ## Measure a large database beside an empty one, on SQLite and PostgreSQL (ROWS=100000)
	@ROWS=$(ROWS) $(PY) -m bench.size

walk: .venv/ready ## Take random walks from outside: SEEDS=200 of them, from SEED=1 on; a seed walks the same way again
	@$(PY) -m tests.walks --seeds $(or $(SEEDS),20) --seed $(or $(SEED),1)

audit: .venv/ready ## Judge every purchase from outside while all changes under them: REQUESTS=300 from SEED=1
	@$(PY) -m tests.walks.audit --requests $(or $(REQUESTS),300) --seed $(or $(SEED),1)

simulate: .venv-simulation/ready ## Simulate lives of the app on a seeded loop: SEEDS=50 of them, from SEED=1 on; a seed lives the same way again
	@$(PY_SIMULATION) -m tests.simulation --seeds $(or $(SEEDS),50) --seed $(or $(SEED),1)

ablation: .venv-simulation/ready ## Take away each safeguard in turn, until a simulated life notices (SEEDS=60 SEED=1, WITHOUT="intent late" for some)
	@$(PY_SIMULATION) -m tests.simulation --ablation --seeds $(or $(SEEDS),60) --seed $(or $(SEED),1) --without $(WITHOUT)

chaos: .venv/ready ## Kill and freeze real processes while they buy: PURCHASES=200 from SEED=1, on PostgreSQL and on SQLite
	@$(PY) -m tests.chaos --purchases $(or $(PURCHASES),200) --seed $(or $(SEED),1)

pictures: .venv/ready ## Take every screen's picture in a real browser (build/screenshots), and the README's anew
	@$(PY) -m pytest tests/e2e -k en
	@$(PY) -m tests.e2e.gallery
	@for each in en-card-done:card en-find:find en-review:review en-twilio:twilio \
	    bundle-en-document:document bundle-en-rejected:rejection bundle-en-desk:desk; do \
	  cp build/screenshots/$${each%:*}.png docs/pictures/$${each#*:}.png; done
	@for each in account find-type find-advanced choose review end-user end-user-bundle review-service card-bought card-ready; do \
	  cp build/screenshots/en-$$each-wide-light.png docs/pictures/step-$$each.png; done

country-names: .venv/ready ## Write bot/locale/countries.json anew (needs npm)
	@rm -rf build/cldr && mkdir -p build/cldr && cd build/cldr && tar xzf "$$(npm pack --silent cldr-localenames-full@48.2.0)"
	@$(PY) -m tests.country_names build/cldr/package

clean: ## Remove what the other commands made
	@rm -rf .venv .venv-simulation .tools .sandbox build .pytest_cache .mypy_cache .ruff_cache

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*##/ {printf "  make %-24s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.env:
	@echo "There is no .env yet. Copy .env.example to .env and fill it in; the README says where each value comes from." >&2; exit 1

.venv/ready: requirements-dev.txt | $(UV)
	@echo "Installing the pinned dependencies into .venv ..."
	@$(UV) venv --quiet --allow-existing --python '>=3.11' .venv
	@$(UV) pip sync --quiet --require-hashes --python $(PY) requirements-dev.txt
	@touch $@

PY_SIMULATION := .venv-simulation/bin/python
.venv-simulation/ready: requirements-dev.txt requirements-simulation.txt | $(UV)
	@python=$$(python3 tests/simulation/python.py) && \
	  echo "Installing the pinned dependencies into .venv-simulation ..." && \
	  $(UV) venv --quiet --allow-existing --python "$$python" .venv-simulation
	@$(UV) pip sync --quiet --require-hashes --python $(PY_SIMULATION) requirements-dev.txt requirements-simulation.txt
	@touch $@

.tools/bin/uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Number Desk needs Python 3.11 or newer; python3 is $$(python3 -V)." >&2; exit 1; }
	@python3 -m venv .tools || { echo "python3 cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

.PHONY: demo test lint run lock audit-dependencies bench bench-acknowledgements bench-approval bench-start bench-under-way bench-size walk audit simulate ablation chaos pictures country-names clean help
