# RentMeter. Needs Python 3.11 or newer, git and make; everything else comes into .venv.
# `make demo` runs it all, `make test` proves it; `make help` lists the rest.

.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV := .venv/bin
# Some shells and images forbid bytecode; then each of a dozen processes compiles all it imports once more.
WITH_BYTECODE := unset PYTHONDONTWRITEBYTECODE;
# The first Python of these that can make a virtual environment; PYTHON=… names another one.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11)

.PHONY: conformance protocol test-thorough help setup demo test check screenshots week bench simulate simulate-coverage mutants mutation fuzz notify-fuzz storm chaos lock fix

help:  ## List the targets
	@sed -n 's/^\([a-z-]*\):.*##/\1 ·/p' Makefile

setup:  ## Make .venv from the lock (every target does it by itself)
	@can() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
	for python in $(PYTHONS); do \
		if can "$$python"; then \
			if "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
				exec "$$python" config/demo/virtual_environment.py; \
			fi; \
			without="$$without $$python"; \
		fi; \
	done; \
	if [ -n "$$without" ]; then \
		echo "setup: Python is here ($${without# }) but without venv: install it (on Debian and Ubuntu: python3-venv)." >&2; \
	else \
		echo "setup: Python 3.11 or newer is needed, and none of these is: $(PYTHONS)." >&2; \
	fi; \
	exit 1

demo: setup  ## Run everything on this machine and play one recharge; ONCE=1 ends after it
	@$(WITH_BYTECODE) exec $(VENV)/python -m config.demo $(if $(filter-out 0,$(ONCE)),--once)

test: setup  ## Run the whole suite; ARGS=… goes to pytest
	@$(WITH_BYTECODE) $(VENV)/python -m pytest $(ARGS)

N := 100000

fuzz: setup  ## Throw N (100000) inputs at the meter protocol; SEED=… repeats a run
	@$(VENV)/python -c 'import atheris' 2>/dev/null || \
		$(VENV)/uv --quiet pip install --only-binary :all: -r requirements/fuzz.txt || true
	@$(VENV)/python -m tests.fuzz $(N) $(SEED)

protocol: setup  ## The wire core's own tests: every branch, in under two seconds
	@$(VENV)/python -m tests.meter_gateway.protocol_budget

test-thorough: setup  ## What takes too long for every run: each person at each page, days of a fleet
	@$(WITH_BYTECODE) $(VENV)/python -m pytest -m thorough $(ARGS)

check: setup  ## Style, types, import contracts, migrations, translations
	@echo '— ruff check'
	@$(VENV)/ruff check
	@echo '— ruff format'
	@$(VENV)/ruff format --check
	@echo '— mypy'
	@$(VENV)/mypy
	@echo '— import contracts'
	@$(VENV)/lint-imports
	@echo '— migrations'
	@$(VENV)/python manage.py makemigrations --check --dry-run
	@echo '— translations'
	@$(VENV)/python -m config.translations check

screenshots: setup  ## Pictures of every page x 375/1280 px x Chinese/English, to docs/img
	@$(VENV)/python -m config.demo.screenshots

week: setup  ## Seven days of the demo's fleet on virtual time: every half-hour, every day, every message
	@rm -rf var/week && mkdir -p var/week
	@RENTMETER_WEEK_DAYS=7 RENTMETER_WEEK_FIGURES=$(CURDIR)/var/week \
		$(VENV)/python -m pytest -n 2 -q -m thorough tests/readings/test_a_week_of_the_fleet.py
	@$(VENV)/python -m tests.readings.week_table var/week

notify-fuzz: setup  ## 10,000 forged notifies through the very view; MUTATIONS=n for more or fewer
	@NOTIFY_MUTATIONS=$(or $(MUTATIONS),10000) $(VENV)/python -m pytest -n 2 -q tests/income/test_forged_notifies.py

storm: setup  ## Orders over both platforms on their worst day: ORDERS=n SEED=n DEMO=var/demo.json
	@$(VENV)/python -m tests.storm $(if $(ORDERS),--orders $(ORDERS)) $(if $(SEED),--seed $(SEED)) $(if $(DEMO),--demo $(DEMO))

conformance: setup  ## Hold simulated meters and an independent one to every clause; writes docs/conformance.md
	@$(VENV)/python -m tests.meter_gateway.conformance.document docs/conformance.md

simulate: setup  ## Exactly-once credit in simulated worlds; SEEDS=n FROM=n; every 50th with the real services on PostgreSQL
	@$(VENV)/python -m tests.simulation --seeds $(or $(SEEDS),2000) --from $(or $(FROM),0) --store $(or $(STORE),both)

simulate-coverage: setup  ## Worlds in memory and on PostgreSQL must run 90 % of the services' lines
	@tests/simulation/cover $(VENV)/python

chaos: setup  ## kill -9 of each kind of process KILLS=n (2) times while renters pay, 30 s a round; SEED=…
	@$(VENV)/python -m tests.chaos --kills $(or $(KILLS),2) --within $(or $(WITHIN),30) $(if $(SEED),--seed $(SEED))

mutants: setup  ## Plant known mistakes in a copy of the tree; the simulation must find each. NAMES="…" for some
	@$(VENV)/python -m tests.simulation.hunting $(NAMES)

mutation: setup  ## Change the money rules one operator at a time; 85 % must be noticed; ROUND=pure or payments
	@$(VENV)/python -m tests.mutation $(ROUND)

bench: setup  ## What gateway, simulator and a payment cost, against floors of the same run; ROWS=gateway for a part
	@$(VENV)/python -m bench $(ROWS)

fix: setup  ## Let ruff mend style and format
	@$(VENV)/ruff check --fix
	@$(VENV)/ruff format

lock: setup  ## Resolve requirements/*.in into *.txt with hashes; ARGS=--upgrade takes newer versions
	@for name in bootstrap base production dev fuzz; do \
		$(VENV)/uv --quiet pip compile --generate-hashes --universal --python-version 3.11 --no-header $(ARGS) \
			requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done
