# The whole application frozen: one image, and no update but of the whole image.
# MIT license; part of microevse
#
# Frozen boot.py and main.py are run before files of these names in the file system, and boot.py
# puts the frozen modules before files of an older version (sys.path begins with the file system).
# The page (web/static) and board.json are no code: they stay in the file system.
from pathlib import Path

include("manifest.py", slots=False)
# What that has frozen already.
START = (
    "boot.py main.py hal/__init__.py hal/appslot.py hal/board.py hal/kept.py hal/partition.py "
    "slots/__init__.py slots/rom.py"
).split()
for base in ("../../../lib", "../../../firmware"):
    # manifest.py describes a package to people who install it alone.
    found = [p for p in sorted(Path(base).rglob("*.py")) if p.name != "manifest.py"]
    names = [str(p.relative_to(base)) for p in found]
    freeze(base, tuple([name for name in names if name not in START]), opt=2)
