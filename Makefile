# Two commands do all set-up: `make demo` and `make test`. Both can be run again; what is there is not done twice.
.DEFAULT_GOAL := help
.PHONY: help demo test nightly lint format clean

VENV := .venv
LUTHIER := $(VENV)/bin/luthier
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

help:
	@echo "make demo    install, fetch a small model, fine-tune it and write report.html"
	@echo "make test    install and run all tests"
	@echo "make nightly install and answer requests for ten minutes, while memory must not grow"
	@echo "make lint    ruff and mypy"
	@echo "make format  let ruff put the code in order"
	@echo "make clean   remove the virtual environment; your models in LUTHIER_HOME stay"

demo: $(VENV)/installed
	$(LUTHIER) demo

test: $(VENV)/installed-dev $(VENV)/installed-clients
	@# In the order of their names: else files of few tests, which are the long journeys, come last and are waited for.
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

nightly: $(VENV)/installed-dev
	$(VENV)/bin/python benchmarks/soak_engine.py --minutes 10

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

format: $(VENV)/installed-dev
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

clean:
	rm -rf $(VENV) .luthier-test

# A stamp is written when everything before it worked, so a broken installation is taken up again.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed"; \
		echo "hint: install it, then run: make demo PYTHON=/path/to/python3"; exit 3; }
	@echo "installing Luthier into $(VENV) with $(PYTHON); the first time, this downloads PyTorch and takes some minutes"
	@"$(PYTHON)" -m venv $(VENV) || { echo "hint: on Debian and Ubuntu, apt install python3-venv"; exit 3; }
	@# PyTorch goes first and exactly pinned, so that where pip has been given a CPU build, it takes that one.
	$(PIP) torch==2.13.0
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "installing the development tools into $(VENV)"
	$(PIP) --editable '.[dev]'
	@touch $@

# Clients of the server that cannot live beside Luthier: LiteLLM needs an older openai package, and Node its own folder.
$(VENV)/installed-clients: tests/clients/requirements.txt tests/clients/package.json $(VENV)/installed-dev
	@echo "installing the clients that the server is tested with"
	@"$(PYTHON)" -m venv $(VENV)/clients
	$(VENV)/clients/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	@cp tests/clients/package.json $(VENV)/clients/
	@if command -v npm >/dev/null; then npm install --prefix $(VENV)/clients --no-package-lock --no-audit --no-fund --loglevel=error; \
		else echo "npm is missing: the tests with Node's openai package will be skipped"; fi
	@touch $@
