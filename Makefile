# Everything happens in .venv: packages as pinned, with their hashes, in deploy/requirements.lock and tests/requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
THOROUGH := $(addprefix tests/integration/,test_flow_retention.py test_keys.py test_archiver.py test_log_tampering.py test_bus_fuzz.py test_servers.py)
# Wheels only: no source package runs code of its own while it is installed.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --only-binary :all:
LOCK := $(BIN)/uv pip compile --no-config --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--python-version 3.11 --custom-compile-command "make lock" $(UPGRADE) pyproject.toml --extra demo --extra evidence --extra pkcs11 --group build

.DEFAULT_GOAL := help
.PHONY: help run test interop check bench sim soak verifier lock clean

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run-ready ## Set up, run the demonstration day and leave the hub running (ARGS="..." is passed on)
	@$(BIN)/lgsp run --demo $(ARGS)

test: .venv/.test-ready ## Set up the servers tests need and run all tests, or some: make test T="tests/unit -k lanes"
	@deploy/install/test-servers.sh
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not thorough" $(T)

interop: .venv/.test-ready ## Let clients of other makers read and audit our log (Go) and go the whole road by SOAP (Node.js, zeep)
	@deploy/install/test-go.sh
	@deploy/install/test-node.sh
	@$(BIN)/python -m tests.interop $(ARGS)

check: .venv/.test-ready ## Lint, format, types, direction of imports, locks
	@echo "ruff check"; $(BIN)/ruff check .
	@echo "ruff format"; $(BIN)/ruff format --check .
	@echo "mypy --strict"; $(BIN)/mypy --strict
	@echo "lint-imports"; $(BIN)/lint-imports --no-logo
	@echo "locks"; $(BIN)/python deploy/install/check_locks.py

bench: .venv/.test-ready ## Measure what README.md says, or a part of it: make bench ARGS="--only neighbours"; also in build/bench.json
	@deploy/install/test-servers.sh
	@$(BIN)/python -m tests.bench $(ARGS)

sim: .venv/.test-ready ## Run the hub on virtual time, fault schedules drawn from seeds (ARGS="--seeds N --start S | --seed X --trace")
	@$(BIN)/python -m tests.sim $(ARGS)

soak: .venv/.test-ready ## Change signed files by the 100,000 and logs by the bit; then kill, stop and cut off everything and judge what arrived (ARGS="--minutes N --seed S")
	@deploy/install/test-servers.sh
	@$(BIN)/python -m tests.soak.signatures
	@$(BIN)/python -m tests.soak.files
	@$(BIN)/python -m tests.soak.jws
	@$(BIN)/python -m tests.soak.edxml
	@$(BIN)/python -m tests.soak.evidence
	@$(BIN)/python -W ignore -m tests.soak.parsers
	@$(BIN)/python -m tests.soak.bundles
	@$(BIN)/python -m tests.soak.log
	@LGSP_THOROUGH=1 $(BIN)/python -m pytest -q tests/crash tests/compliance $(THOROUGH)
	@$(BIN)/python -m tests.soak $(ARGS)

verifier: .venv/.run-ready ## Write build/lgsp-evidence-verify.pyz: the offline verifier of evidence as one file, for this Python and kind of machine
	@mkdir -p build && $(BIN)/lgsp evidence verifier -o build/lgsp-evidence-verify.pyz

lock: .venv/.test-ready ## Re-make both locks from pyproject.toml; newer versions: make lock UPGRADE=--upgrade
	@$(LOCK) --output-file deploy/requirements.lock
	@$(LOCK) --group dev --constraints deploy/requirements.lock --output-file tests/requirements.lock
	@$(BIN)/python deploy/install/check_locks.py && echo "deploy/requirements.lock and tests/requirements.lock are in step."

clean: ## Remove .venv, build results and caches; keeps var/, the hub's data
	@rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/.run-ready: deploy/requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the hub's packages from deploy/requirements.lock (about a minute the first time) ..."
	@$(INSTALL) --require-hashes -r deploy/requirements.lock
	@$(INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.test-ready: tests/requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the hub's and the tests' packages from tests/requirements.lock (about a minute the first time) ..."
	@$(INSTALL) --require-hashes -r tests/requirements.lock
	@$(INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@
