# Bundles of the real firmware for tests: another version of it, or one that does not work.
# MIT license; part of microevse
"""`make(version)` builds a bundle as tools/bundle.py does, of the firmware compiled for this
machine; made once per state of the sources and process."""

import functools
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

from compiled import directories
from slots import bundle as header
from tools_paths import ROOT, tool

sys.path.append(str(ROOT / "tools"))
import board as board_profile  # noqa: E402
import bundle  # noqa: E402

BOARD = "esp32_devkitc"
# Where the partition table has the slots.
SLOT_AT = {"app_a": 0x200000, "app_b": 0x2A0000}
SLOT_SIZE = 0xA0000
NOT_BUILT = ("package.json", "manifest.mpy")
# A trial of a new version takes minutes. One test waits for it; in others it is made shorter.
_TRIAL = (ROOT / "firmware" / "upkeep" / "trial.py").read_text()
_TIME = 'settings.get("UpdateTrialTime")'
assert _TIME in _TRIAL
QUICK_TRIAL = (("upkeep/trial", _TRIAL.replace(_TIME, "3")),)


def compiled(source):
    """.mpy of a module's source."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "module.py")
        path.write_text(source)
        subprocess.run([tool("mpy-cross"), "-O2", str(path)], check=True)
        return path.with_suffix(".mpy").read_bytes()


@functools.lru_cache(maxsize=None)
def content(version, march=None):
    """{place: bytes} of the firmware, saying that it is `version`. march: of its native code."""
    firmware, lib = directories(march)
    found = {}
    for folder, place in ((firmware, ""), (lib, "lib/")):
        for path in sorted(folder.rglob("*")):
            # Types and lists for `mip` stay here (tools/build.py).
            if path.is_file() and path.suffix != ".pyi" and path.name not in NOT_BUILT:
                found[place + str(path.relative_to(folder))] = path.read_bytes()
    found["version.mpy"] = compiled(f"VERSION = {version!r}\n")
    return found


def application(version, march=None):
    """The same as `make build` has it, with the profile of BOARD."""
    path = ROOT / "boards" / (BOARD + ".toml")
    profile = board_profile.load_toml(path, lambda text: None)
    return {**content(version, march), "board.json": json.dumps(profile).encode()}


@functools.lru_cache(maxsize=None)
def make(version, board=BOARD, format="lfs2", key=None, broken=(), base=bundle.BASE, march=None):
    """A bundle; `broken`: pairs (place without its suffix, source) that replace modules of it."""
    files = dict(content(version, march))
    for name, source in broken:
        assert name + ".mpy" in files, name
        files[name + ".mpy"] = compiled(source)
    return bundle.make(files, version, board, format, key, base)


def small(seed=1, version="9.9", format="lfs2"):
    """A bundle of a short image, in which nothing starts."""
    image = bytes([seed]) * (98 * 512)
    if format == "romfs":
        image = bundle.romfs({"nothing": image})
    digest = hashlib.sha256(image).digest()
    text = header.text(version, BOARD, format, 512, len(image), digest)
    return header.header(text) + image
