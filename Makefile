# Two commands matter: `make serve` serves, `make test` tests. Both set up what they need, in .venv.

VENV := .venv
BIN := $(VENV)/bin
# Generators of clients need other versions than we do: they live apart, and only tests look there.
CLIENTS := .venv-clients
PESTO := .venv-pesto
OIDC := .node-oidc

# The first of these that is 3.12 or newer, 3.12 before 3.13 before newer; PYTHON=... overrides.
PYTHON ?= $(shell sh tools/find-python)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Build tools are pinned as well: pip passes this on to the isolated environment that it builds in.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

.PHONY: serve test lint bench openapi setup clean

serve: $(VENV)/.serve
	@exec $(BIN)/pygeoapi serve

# Files of tests run side by side, each in one process from its first test to its last.
JOBS ?= 2

test: $(VENV)/.test $(CLIENTS)/.done $(PESTO)/.done $(OIDC)/.done lint
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.test $(PESTO)/.done
	$(BIN)/python benchmarks/run.py

openapi: $(VENV)/.serve
	$(BIN)/dragoman openapi

setup: $(VENV)/.test $(CLIENTS)/.done $(PESTO)/.done $(OIDC)/.done

clean:
	rm -rf $(VENV) $(CLIENTS) $(PESTO) $(OIDC) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/.serve: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { sh tools/find-python --explain; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[postgresql,aeon]'
	@touch $@

$(VENV)/.test: $(VENV)/.serve
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

$(CLIENTS)/.done: tests/clients/requirements.txt $(VENV)/.serve
	"$(PYTHON)" -m venv $(CLIENTS)
	PIP_CONSTRAINT= $(CLIENTS)/bin/pip install --quiet -r tests/clients/requirements.txt
	@touch $@

# The real PESTO, for the tests and benchmarks that meet it; its FastAPI clashes with what we pin. Where it cannot
# be installed the rest goes on, and what needs it is skipped and says so.
$(PESTO)/.done: tests/clients/pesto-requirements.txt
	@test -n "$(PYTHON)" || { sh tools/find-python --explain; exit 1; }
	"$(PYTHON)" -m venv $(PESTO)
	-PIP_CONSTRAINT= $(PESTO)/bin/pip install --quiet --requirement $< && touch $@

# A certified OpenID provider, for the tests that meet it; without node they are skipped and say so.
$(OIDC)/.done: tests/clients/oidc-provider/package-lock.json tests/clients/oidc-provider/provider.mjs
	@mkdir -p $(OIDC)
	@cp tests/clients/oidc-provider/*.json tests/clients/oidc-provider/provider.mjs $(OIDC)/
	-cd $(OIDC) && npm ci --silent --no-audit --no-fund && touch .done
