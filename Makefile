# Needs python3 and make; everything else goes into .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
OTHER_VERSIONS := $(addprefix $(VENV)/,h5pyd-0.18.0 h5pyd-0.24.0 cbor2-5.6.5 cbor2-5.9.0)

# Each file of these in a process of its own: clients and servers of Tango leave in theirs what disturbs the next ones
TANGO_TESTS := $(addprefix tests/,analyses docs facility sardana tangods)

# What failed is tried once more: tests of real processes may meet a busy machine
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none

.PHONY: run test soak lint typecheck bench docs clean

run: $(VENV)/run.installed
	$(BIN)/dranspose demo

test: $(VENV)/dev.installed $(VENV)/gui.installed $(VENV)/sardana.tried
	$(BIN)/python -m pytest $(addprefix --ignore ,$(TANGO_TESTS)) || $(AGAIN)
	find $(TANGO_TESTS) -name 'test_*.py' | sort | xargs -n 1 $(BIN)/python -m pytest || $(AGAIN)

soak: $(VENV)/dev.installed
	DRANSPOSE_SOAK_SCANS=1000 DRANSPOSE_SOAK_STARTS=50 $(BIN)/python -m pytest --timeout 0 tests/tangods/processes/test_soak.py

lint: $(VENV)/dev.installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

typecheck: $(VENV)/dev.installed
	$(BIN)/mypy

bench: $(VENV)/bench.installed
	$(BIN)/python tests/benchmarks/run.py $(if $(PEER),--peer $(PEER))

docs: $(VENV)/run.installed
	$(BIN)/python resources/docs/device_pages.py

clean:
	rm -rf $(VENV)

$(VENV)/pip.installed:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/run.installed: pyproject.toml $(VENV)/pip.installed
	$(BIN)/python -m pip install --quiet --editable . --group plot
	touch $@

$(VENV)/dev.installed: pyproject.toml $(VENV)/pip.installed $(OTHER_VERSIONS)
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# Old and new releases of what users have, beside the installed one, for tests in processes of their own
$(VENV)/h5pyd-%: $(VENV)/pip.installed
	$(BIN)/python -m pip install --quiet --no-deps --target $@ h5pyd==$*

$(VENV)/cbor2-%: $(VENV)/pip.installed
	$(BIN)/python -m pip install --quiet --no-deps --target $@ cbor2==$*

# Taurus is apart, for a panel is not what most machines run; where it does not install, its tests say why they are skipped
$(VENV)/gui.installed: pyproject.toml $(VENV)/pip.installed
	$(PYTHON) -m venv $(VENV)/gui
	-$(VENV)/gui/bin/python -m pip install --quiet --editable .[gui] hypothesis pytest pytest-timeout
	touch $@

# What Sardana's servers run in: its requirements are not ours, and where it does not install its tests are skipped
$(VENV)/sardana.tried: pyproject.toml $(VENV)/pip.installed
	$(PYTHON) -m venv $(VENV)/sardana
	$(VENV)/sardana/bin/python -m pip install --quiet --editable '.[sardana]' || rm -rf $(VENV)/sardana
	touch $@

$(VENV)/bench.installed: pyproject.toml $(VENV)/pip.installed
	$(BIN)/python -m pip install --quiet --editable . --group bench
	touch $@
