# Thin on purpose: the work is in tools/ and host_tests/.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test bench build frozen image bundle flash setup console logs schemas clean

run: $(READY)
	$(PY) tools/run_demo.py $(if $(ONCE),--once)

test: $(READY)
	$(PY) tools/run_tests.py $(ARGS)

bench: $(READY)
	$(PY) tools/run_benches.py $(ARGS)

# Everything that goes on a board, compiled, with its size: build/BOARD/
build: $(READY)
	$(PY) tools/build.py $(or $(BOARD),esp32_devkitc)

# A 32-bit MicroPython for this host with the application frozen in: build/frozen32/micropython
frozen: $(READY)
	$(PY) tools/frozen.py

# Images for esptool: partition table, file system, application slot.
image: $(READY)
	$(PY) tools/image.py $(or $(BOARD),esp32_devkitc) $(ARGS)

# An update: build/BOARD/ as one file, signed if there is a KEY.
bundle: build
	$(PY) tools/bundle.py make build/$(or $(BOARD),esp32_devkitc) build/$(or $(BOARD),esp32_devkitc).bundle $(if $(KEY),--key $(KEY)) $(if $(FORMAT),--format $(FORMAT))

# Not echoed: SET may hold a password (KEY=? asks for it).
flash: $(READY)
	@$(PY) tools/flash.py $(BOARD) $(if $(PORT),--port $(PORT)) $(if $(FIRMWARE),--firmware $(FIRMWARE)) $(if $(SET),--set '$(SET)')

setup: $(READY)
	@$(PY) tools/usb_setup.py $(PORT) $(SET)

console logs: $(READY)
	@$(PY) tools/console.py $@ $(if $(PORT),--port $(PORT))

schemas: $(READY)
	$(PY) tools/schemas.py

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("microevse needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $(READY)

clean:
	rm -rf $(VENV) build .pytest_cache
