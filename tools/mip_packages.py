#!/usr/bin/env python3
# Makes package.json and manifest.py, with which each package of lib/ can be installed alone.
# MIT license; part of microevse
"""usage: mip_packages.py [--check]    (make packages)

Both are made from the imports: the package itself and every package of lib/ that it needs, at any
depth. Paths are relative: a clone or a fork serves its own files. --check writes nothing and exits
with 1 if one of them is stale.
"""

import ast
import functools
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"
PARTS = ("manifest.py",)

DESCRIPTIONS = {
    "evse_base": "What all packages of microevse share: runtime differences, clock, log, dates.",
    "iec61851": "IEC 61851-1 control pilot: levels, duty, state machine.",
    "meters": "Energy meters with one set of verbs.",
    "modbus": "Modbus RTU master for asyncio over any UART object.",
    "ocpp16": "OCPP 1.6 on top of station and ocppj.",
    "ocpp2": "OCPP 2.0.1 and 2.1 on top of station and ocppj.",
    "ocppj": "OCPP-J transport: WebSocket client, RPC, reconnect.",
    "pki": "Certificates, certificate requests, P-256 and RSA signatures, in pieces.",
    "rfid": "Card readers: MFRC522, PN532, and those that print a tag as a line.",
    "slots": "Application slots with trial and rollback on NOR flash, and signed bundles.",
    "station": "What a charging station is, without any protocol.",
    "store": "Journal on raw NOR flash: append-only, CRC per record, power-cut safe.",
    "transfer": "Files over HTTP, HTTPS and FTP, streamed, for asyncio.",
    "ui": "Lamp patterns and a button for asyncio.",
}


def version():
    """The version of this firmware."""
    for path in sorted((ROOT / "firmware").rglob("version.py")):
        return re.search(r'VERSION = "([^"]+)"', path.read_text(encoding="utf-8")).group(1)
    raise ValueError("no version.py in firmware/")


def names():
    """The packages of lib/."""
    return sorted(p.parent.name for p in LIB.glob("*/__init__.py"))


def sources(name):
    """The modules of a package or of a single module, as paths relative to lib/."""
    if (LIB / (name + ".py")).exists():
        return [name + ".py"]
    found = sorted(p for p in (LIB / name).rglob("*.py") if p.name not in PARTS)
    return [p.relative_to(LIB).as_posix() for p in found]


@functools.lru_cache(None)  # the lists of twelve packages ask for the same files
def _imported(path):
    """Top-level names of all imports of a module, also of those inside of functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def needs(name):
    """Everything of lib/ that a package needs, itself first."""
    ours = {
        p.stem if p.suffix == ".py" else p.name for p in LIB.iterdir() if p.suffix in ("", ".py")
    }
    found, open_ends = [], [name]
    while open_ends:
        one = open_ends.pop(0)
        if one in found:
            continue
        found.append(one)
        more = {word for source in sources(one) for word in _imported(LIB / source)}
        open_ends += sorted((more & ours) - set(found))
    return [name] + sorted(found[1:])


def package_json(name):
    """Text of lib/NAME/package.json."""
    urls = []
    for one in needs(name):
        for source in sources(one):
            here = source[len(name) + 1 :] if one == name else "../" + source
            urls.append([source, here])
    lines = ",\n".join("    " + json.dumps(pair) for pair in urls)
    text = '{\n  "version": %s,\n  "deps": [],\n  "urls": [\n%s\n  ]\n}\n'
    return text % (json.dumps(version()), lines)


def manifest(name):
    """Text of lib/NAME/manifest.py."""
    out = [
        "# Made by `make packages`: do not edit.",
        "metadata(",
        '    description="%s",' % DESCRIPTIONS[name],
        '    version="%s",' % version(),
        ")",
        "",
    ]
    for one in needs(name):
        if (LIB / (one + ".py")).exists():
            out.append('module("%s.py", base_path="..")' % one)
            continue
        out += ["package(", '    "%s",' % one, "    files=("]
        out += ['        "%s",' % source[len(one) + 1 :] for source in sources(one)]
        out += ["    ),", '    base_path="..",', ")"]
    return "\n".join(out) + "\n"


def made():
    """{path: text} of all files that this tool writes."""
    found = {}
    for name in names():
        found[LIB / name / "package.json"] = package_json(name)
        found[LIB / name / "manifest.py"] = manifest(name)
    return found


def main(arguments):
    stale = 0
    for path, text in made().items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print("%s is stale: make packages" % path.relative_to(ROOT))
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
