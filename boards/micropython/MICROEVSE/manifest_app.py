# The whole application frozen: one image, and no update but of the whole image.
# MIT license; part of microevse
#
# boot.py and main.py are frozen, too; files of these names in the file system go before them.
# The page (web/static) and board.json are no code: they stay in the file system.
from pathlib import Path

include("manifest.py")
for base in ("../../../lib", "../../../firmware"):
    # manifest.py describes a package to people who install it alone.
    found = [p for p in sorted(Path(base).rglob("*.py")) if p.name != "manifest.py"]
    freeze(base, tuple(str(p.relative_to(base)) for p in found), opt=2)
