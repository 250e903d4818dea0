# Board files that differ from another one in a few lines, for tests.
# MIT license; part of microevse

import pathlib
import tempfile

from tools_paths import ROOT

DEVKITC = ROOT / "boards" / "esp32_devkitc.toml"
FITTED = ROOT / "host_tests" / "boards" / "everything_fitted.toml"

_FOLDER = tempfile.TemporaryDirectory()  # gone with the tests


def variant(name, base, *changes):
    """Path of a file like `base` with each (before, after) replaced once."""
    text = base.read_text()
    for before, after in changes:
        assert text.count(before) == 1, (before, text.count(before))
        text = text.replace(before, after)
    path = pathlib.Path(_FOLDER.name) / (name + ".toml")
    path.write_text(text)
    return str(path)
