# What is frozen beside an application that comes in the partition `romfs`.
# MIT license; part of microevse
#
# Paths are relative to this file. microdot comes from the environment that `make` creates.
from glob import glob

include("$(PORT_DIR)/boards/manifest.py")
package(
    "microdot",
    files=("__init__.py", "microdot.py"),
    base_path=glob("../../../.venv/lib/python3*/site-packages")[0],
    opt=2,
)
