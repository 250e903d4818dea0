#!/usr/bin/env bash
# Base images and release, inside Espressif's container; README.md has the command that starts it.
# MIT license; part of microevse
#
# /src is the checkout, read only; /out gets the release. What is built is the commit, in a clone:
# an environment of the host (.venv) would not run here, and changes that are not committed are no
# part of a release.
set -euo pipefail
src=${SRC:-/src}
out=${OUT:-/out}
unset OUT
# The checkout belongs to the user of the host, and git refuses other users' repositories.
git config --global --add safe.directory '*'
work=$(mktemp -d)
git clone --quiet "$src" "$work/microevse"
cd "$work/microevse"
make base
make release BASE=build/base TAG="${TAG:-}"
cp -r build/release/. "$out"
chown -R --reference="$src/Makefile" "$out"
