# What is frozen beside an application that comes in the partition `romfs`.
# MIT license; part of microevse
#
# boot.py and main.py with what they import: frozen ones are run before files of their names
# (MicroPython's shared/runtime/pyexec.c, pyexec_file_if_exists), so that the contactors are opened
# whatever lies in the file system. An application slot goes before all of it on the module path.
#
# Paths are relative to this file. microdot comes from the environment that `make` creates.
#
# Then the names of the application of this checkout: an import costs no heap for them
# (tools/names.py). slots: also those that there are where it is imported from a slot. And the
# public root certificates, which take the room of a slot for nothing.
import sys
from glob import glob

sys.path.append("../../../tools")
import frozen_roots  # noqa: E402
import names  # noqa: E402

options.defaults(slots=True)
include("$(PORT_DIR)/boards/manifest.py")
package(
    "microdot",
    files=("__init__.py", "microdot.py"),
    base_path=glob("../../../.venv/lib/python3*/site-packages")[0],
    opt=2,
)
freeze(".", ("base_image.py",), opt=2)
freeze(frozen_roots.write(), (frozen_roots.MODULE,), opt=2)
freeze("../../../lib", ("slots/__init__.py", "slots/rom.py"), opt=2)
freeze(
    "../../../firmware",
    (
        "boot.py",
        "main.py",
        "hal/__init__.py",
        "hal/appslot.py",
        "hal/board.py",
        "hal/kept.py",
        "hal/partition.py",
    ),
    opt=2,
)
freeze_mpy(names.write(options.slots), names.MODULE)
