# Thin on purpose: the work is in tools/ and host_tests/.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test quick lint bench docs stubs packages build frozen image bundle flash setup updatekey console logs schemas base release clean help

# What a person gives reaches the programs as it was typed, in the environment (tools/given.py): a password may
# hold $ & ; ' and ", a file's name blanks and brackets. Make expands nothing of it, no shell runs it.
WORDS := BASE BOARD CA FEATURES FIRMWARE FORMAT KEY OCPP OUT PORT SET TAG UPDATE_KEY
unexport $(WORDS)
$(foreach word,$(WORDS),$(eval export MICROEVSE_$(word) := $$(value $(word))))
option = $${MICROEVSE_$(1):+$(2) "$$MICROEVSE_$(1)"}

# A word in small letters and a board without BOARD= would be ignored.
small := base board ca features firmware format key ocpp out port set tag update_key
$(foreach word,$(small),$(if $(filter command,$(origin $(word))),$(error $(word)=: write it in capital letters)))
named := $(filter $(patsubst boards/%.toml,%,$(wildcard boards/*.toml)) %.toml,$(MAKECMDGOALS))
$(if $(named),$(error $(firstword $(named)) is a board: write BOARD=$(firstword $(named))))

run: $(READY) ## a charger, a central system and a car on this computer (OCPP=2.0.1; ONCE=1: one session, then end)
	@$(PY) tools/run_demo.py $(if $(ONCE),--once) $(call option,OCPP,--ocpp)

test: $(READY) ## every test, lint among them (ARGS='-k word': some of them)
	$(PY) tools/run_tests.py $(ARGS)

quick: $(READY) ## the tests that take less than two minutes
	$(PY) tools/run_tests.py --quick $(ARGS)

lint: $(READY) ## ruff: rules and format, as pyproject.toml has them
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: $(READY) ## measurements on the virtual board (ARGS=latency: one of them)
	$(PY) tools/run_benches.py $(ARGS)

docs: $(READY) ## write the generated pages again: settings, OCPP 1.6 and 2.x, keys of a board file
	$(PY) tools/documents.py

stubs: $(READY) ## bring the type stubs (.pyi) of lib/ up to date
	$(PY) tools/stubs.py

packages: $(READY) ## write package.json and manifest.py of each package of lib/ again
	$(PY) tools/mip_packages.py

# Everything that goes on a board, compiled, with its size: build/BOARD/
build: $(READY) ## the application, compiled (BOARD=name FEATURES=named ARGS=-v: with the size of each file)
	@$(PY) tools/build.py $(call option,BOARD) $(call option,FEATURES,--features) $(ARGS)

# A 32-bit MicroPython for this host with the application frozen in: build/frozen32/frozen
frozen: $(READY) ## a 32-bit MicroPython for this computer with the application in it (ARGS=base: the base image)
	$(PY) tools/frozen.py $(ARGS)

# Images for esptool: partition table, file system, application slot.
image: $(READY) ## image files for your own esptool (BOARD=name FEATURES=named FORMAT=romfs ARGS=-v)
	@$(PY) tools/image.py $(call option,BOARD) $(call option,FEATURES,--features) $(call option,FORMAT,--format) $(ARGS)

# An update: the application as one file, build/BOARD.bundle, signed if there is a KEY.
bundle: $(READY) ## an update for the air (BOARD=name FEATURES=named KEY=sign.pem FORMAT=romfs)
	@$(PY) tools/bundle.py board $(call option,BOARD) $(call option,FEATURES,--features) $(call option,FORMAT,--format) $(call option,KEY,--key) $(ARGS)

# Not echoed, and SET is on no command line: it may hold a password (Key=? asks for it).
flash: $(READY) ## onto a board; without BOARD: which suit (BOARD=name PORT=... FIRMWARE=micropython.bin SET='Key=value' FEATURES=named UPDATE_KEY=file)
	@$(PY) tools/flash.py $(call option,BOARD) $(call option,PORT,--port) $(call option,FIRMWARE,--firmware) $(call option,FEATURES,--features)

setup: $(READY) ## settings over USB (SET='Key=value' CA=ca.pem PORT=...)
	@$(PY) tools/usb_setup.py $(call option,PORT) $(call option,CA,--ca)

updatekey: $(READY) ## the keys of which one must sign updates, over USB (KEY='new.pub old.pub' PORT=...; without KEY: which are there)
	@$(PY) tools/update_key.py $(call option,PORT,--port)

console logs: $(READY) ## the charger's prompt, or its log, over USB (PORT=...)
	@$(PY) tools/console.py $@ $(call option,PORT,--port)

# Only where ESP-IDF is, such as in its container: README.md has the command.
base: $(READY) ## base images, with ESP-IDF: build/base/
	$(PY) tools/release_base.py

release: $(READY) ## everything of a release: build/release/ (BASE=folder KEY=sign.pem TAG=v1.2.3 OUT=folder)
	@$(PY) tools/release.py $(call option,BASE,--base) $(call option,TAG,--tag) $(call option,KEY,--key) $(call option,OUT,-o)

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
