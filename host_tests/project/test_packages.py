# Each package of lib/ installs alone, and every module of it can be imported then.
# MIT license; part of microevse
"""Installed by MicroPython's own `mip` from a server on this host, into an empty folder. Two of
ten packages could not be imported once: their manifests had forgotten what they need."""

import functools
import http.server
import json
import os
import subprocess
import threading

import mip_packages as packages
import pytest
from tools_paths import ROOT, tool

MICROPYTHON = tool("micropython")
NAMES = packages.names()

INSTALL = """
import mip, sys
mip.install(%r, target=%r, mpy=False)
"""
IMPORT = """
import sys
for name in %r:
    __import__(name)
for name in sorted(sys.modules):
    file = getattr(sys.modules[name], "__file__", "")
    if file and not file.startswith(%r):
        assert file[:1] != "/" and ".." not in file, file
print("imported", len(sys.modules))
"""


@pytest.fixture(scope="module")
def server():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:%d" % web.server_address[1]
        web.shutdown()


def micropython(code, folder, path):
    return subprocess.run(
        [MICROPYTHON, "-c", code],
        cwd=folder,
        env=dict(os.environ, MICROPYPATH=path),
        capture_output=True,
        text=True,
        timeout=120,
    )


def dotted(source):
    name = source[: -len(".py")].replace("/", ".")
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


@pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel for this platform")
@pytest.mark.parametrize("name", NAMES)
def test_a_package_installs_alone_with_mip_and_all_of_it_can_be_imported(name, server, tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    url = "%s/lib/%s/package.json" % (server, name)
    done = micropython(INSTALL % (url, str(folder)), tmp_path, ".frozen")
    assert done.returncode == 0 and "Done" in done.stdout, done.stdout + done.stderr
    there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert there == sorted(s for one in packages.needs(name) for s in packages.sources(one))
    own = [dotted(source) for source in there]
    done = micropython(IMPORT % (own, str(folder)), tmp_path, "%s:.frozen" % folder)
    assert done.returncode == 0 and "imported" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_lists_are_what_their_tool_makes_of_the_imports(name):
    for path, text in packages.made().items():
        if path.parent.name == name:
            assert path.read_text() == text, "make packages"


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_freezes_what_mip_installs(name):
    """Played as MicroPython's manifestfile.py plays it, as far as we use it."""
    frozen, told = set(), {}
    folder = packages.LIB / name

    def package(of, files, base_path):
        for file in files:
            assert (folder / base_path / of / file).exists(), file
            frozen.add("%s/%s" % (of, file))

    def module(file, base_path):
        assert (folder / base_path / file).exists(), file
        frozen.add(file)

    exec(
        (folder / "manifest.py").read_text(),
        {"package": package, "module": module, "metadata": told.update},
    )
    listed = {target for target, _ in json.loads((folder / "package.json").read_text())["urls"]}
    assert frozen == listed
    assert told["version"] == packages.version() and told["description"]


def test_only_what_a_package_needs_is_installed_with_it():
    assert "modbus" in packages.needs("meters") and "store" in packages.needs("station")
    for name, foreign in (("iec61851", "station"), ("ocppj", "ocpp16"), ("store", "station")):
        assert foreign not in packages.needs(name), name
