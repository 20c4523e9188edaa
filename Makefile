# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
# Every chore of the project. Each does its own set-up, in .venv.

PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell nproc)
PYTEST = $(VENV)/bin/python -m pytest --numprocesses $(CORES) --dist loadfile
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test test-quick test-all lint bench clean

demo: $(VENV)/.demo
	$(VENV)/bin/python tutorials/demo.py

# Every behaviour. Leaves out only what is marked slow: soaks, and tests that need a real server.
test: $(VENV)/.test
	$(PYTEST) -m "not slow"

# Leaves out whole programs and whole datasets too.
test-quick: $(VENV)/.test
	$(PYTEST) -m "not slow and not whole"

test-all: $(VENV)/.test
	$(PYTEST)

lint: $(VENV)/.lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.demo
	$(VENV)/bin/python benchmarks/bench.py $(BENCH)

clean:
	rm -rf $(VENV) build dist *.egg-info demo_out

# venv makes pip last: where that is there, the environment is whole.
$(VENV)/bin/pip:
	.ci/make-venv $(PYTHON) $(VENV)

$(VENV)/.%: setup.py $(VENV)/bin/pip
	$(PIP) --editable '.[$*]'
	$(if $(filter lint,$*),,$(VENV)/bin/python .ci/complete_venv.py)
	touch $@
