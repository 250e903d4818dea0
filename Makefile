# Thin on purpose: the work is in tools/ and host_tests/.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test bench build schemas clean

run: $(READY)
	$(PY) tools/run_demo.py $(if $(ONCE),--once)

test: $(READY)
	$(PY) tools/run_tests.py $(ARGS)

bench: $(READY)
	$(PY) tools/bench.py $(ARGS)

# Everything that goes on a board, compiled, with its size: build/BOARD/
build: $(READY)
	$(PY) tools/build.py $(or $(BOARD),esp32_devkitc)

schemas: $(READY)
	$(PY) tools/schemas.py

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("microevse needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $(READY)

clean:
	rm -rf $(VENV) build .pytest_cache
