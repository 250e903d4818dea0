# What is frozen beside an application that comes in the partition `romfs`.
# MIT license; part of microevse
#
# MICROEVSE_SITE is the site-packages directory that has microdot at its pinned version:
# `make` installs it into .venv.
include("$(PORT_DIR)/boards/manifest.py")
package("microdot", files=("__init__.py", "microdot.py"), base_path="$(MICROEVSE_SITE)", opt=2)
