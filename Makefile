# Thin on purpose: the work is in tools/ and host_tests/.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test quick lint bench docs stubs packages build frozen image bundle flash setup updatekey console logs schemas base release clean help

run: $(READY) ## a charger, a central system and a car on this computer (ONCE=1: one session, then end)
	$(PY) tools/run_demo.py $(if $(ONCE),--once)

test: $(READY) ## every test, lint among them (ARGS='-k word': some of them)
	$(PY) tools/run_tests.py $(ARGS)

quick: $(READY) ## the tests that take less than two minutes
	$(PY) tools/run_tests.py --quick $(ARGS)

lint: $(READY) ## ruff: rules and format, as pyproject.toml has them
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: $(READY) ## measurements on the virtual board (ARGS=latency: one of them)
	$(PY) tools/run_benches.py $(ARGS)

docs: $(READY) ## write the generated pages again: settings, OCPP 1.6, keys of a board file
	$(PY) tools/documents.py

stubs: $(READY) ## bring the type stubs (.pyi) of lib/ up to date
	$(PY) tools/stubs.py

packages: $(READY) ## write package.json and manifest.py of each package of lib/ again
	$(PY) tools/mip_packages.py

# Everything that goes on a board, compiled, with its size: build/BOARD/
build: $(READY) ## the application, compiled (BOARD=name)
	$(PY) tools/build.py $(or $(BOARD),esp32_devkitc) $(if $(FEATURES),--features $(FEATURES))

# A 32-bit MicroPython for this host with the application frozen in: build/frozen32/frozen
frozen: $(READY) ## a 32-bit MicroPython for this computer with the application in it (ARGS=base: the base image)
	$(PY) tools/frozen.py $(ARGS)

# Images for esptool: partition table, file system, application slot.
image: $(READY) ## image files for your own esptool (BOARD=name FEATURES=named ARGS='--layout romfs')
	$(PY) tools/image.py $(or $(BOARD),esp32_devkitc) $(if $(FEATURES),--features $(FEATURES)) $(ARGS)

# An update: build/BOARD/ as one file, signed if there is a KEY.
bundle: build ## an update for the air (BOARD=name FEATURES=named KEY=sign.pem FORMAT=romfs)
	$(PY) tools/bundle.py make build/$(or $(BOARD),esp32_devkitc) build/$(or $(BOARD),esp32_devkitc).bundle $(if $(KEY),--key $(KEY)) $(if $(FORMAT),--format $(FORMAT))

# Not echoed: SET may hold a password (KEY=? asks for it).
flash: $(READY) ## onto a board; without BOARD: which suit (BOARD=name PORT=... FIRMWARE=micropython.bin SET='Key=value' FEATURES=named UPDATE_KEY=file)
	@$(PY) tools/flash.py $(BOARD) $(if $(PORT),--port $(PORT)) $(if $(FIRMWARE),--firmware $(FIRMWARE)) $(if $(SET),--set '$(SET)') $(if $(FEATURES),--features $(FEATURES)) $(if $(UPDATE_KEY),--update-key $(UPDATE_KEY))

setup: $(READY) ## settings over USB (PORT=... SET='Key=value')
	@$(PY) tools/usb_setup.py $(PORT) $(SET)

updatekey: $(READY) ## the key that must sign updates, over USB (KEY=update.pub PORT=...; without KEY: which is there)
	@$(PY) tools/update_key.py $(KEY) $(if $(PORT),--port $(PORT))

console logs: $(READY) ## the charger's prompt, or its log, over USB (PORT=...)
	@$(PY) tools/console.py $@ $(if $(PORT),--port $(PORT))

# Only where ESP-IDF is, such as in its container: README.md has the command.
base: $(READY) ## base images, with ESP-IDF: build/base/
	$(PY) tools/release_base.py

release: $(READY) ## everything of a release: build/release/ (BASE=folder KEY=sign.pem TAG=v1.2.3)
	$(PY) tools/release.py $(if $(BASE),--base $(BASE)) $(if $(TAG),--tag $(TAG)) $(if $(KEY),--key $(KEY)) $(if $(OUT),-o $(OUT))

schemas: $(READY) ## write the tables of OCPP messages again, from the official schemas
	$(PY) tools/schemas.py

$(READY): requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("microevse needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $(READY)

clean: ## remove what make has made
	rm -rf $(VENV) build .pytest_cache .ruff_cache

help: ## this list
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z ]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'
