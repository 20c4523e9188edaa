# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
# Every chore of the project. Each does its own set-up, in .venv.

PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test lint bench clean

demo: $(VENV)/.demo
	$(VENV)/bin/python tutorials/demo.py

test: $(VENV)/.test
	$(VENV)/bin/python -m pytest

lint: $(VENV)/.lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/.demo
	$(VENV)/bin/python benchmarks/bench.py

clean:
	rm -rf $(VENV) build dist *.egg-info demo_out

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%: setup.py $(VENV)/bin/python
	$(PIP) --editable '.[$*]'
	touch $@
