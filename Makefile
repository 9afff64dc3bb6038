# Two commands for a newcomer: `make demo` and `make test`. Each makes its own environment.
PYTHON ?= python3
VENV ?= .venv
PIP_INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# What the demo trains; CI makes it small.
DEMO_DATA ?= sprites(scales=3, rotations=10, positions=16, size=32)
DEMO_EPOCHS ?= 4
DEMO_OUT ?= runs/demo

.PHONY: demo test check docs clean

demo: $(VENV)/installed
	rm -rf "$(DEMO_OUT)"
	$(VENV)/bin/vaekit train beta_vae --data "$(DEMO_DATA)" --network "conv()" \
		--beta 1 --batch 64 --epochs $(DEMO_EPOCHS) --out "$(DEMO_OUT)"
	$(VENV)/bin/vaekit report "$(DEMO_OUT)"
	@echo "Open $(DEMO_OUT)/report.html in a browser."

# One process a core, each with one thread: most tests are too small for more.
test: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -n auto

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python

docs: $(VENV)/installed-dev
	$(VENV)/bin/sphinx-build -W -q -b html docs docs/_build/html

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) -e ".[dev]"
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) docs/_build docs/_generated
