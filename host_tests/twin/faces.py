# Settings by their names in the device model of OCPP 2.x: Component.Variable[instance].
# MIT license; part of microevse
"""One value has two names, see lib/station/declarations.py. Names of components and variables are
case-insensitive (2.0.1 part 2, ComponentType and VariableType)."""

import pathlib
import sys

LIB = pathlib.Path(__file__).resolve().parents[2] / "lib"


def setting(name):
    """The setting that is meant by `name`: itself, unless it is one of the device model.

    ValueError if the device model has no setting of this name.
    """
    if "." not in name:
        return name
    if str(LIB) not in sys.path:
        sys.path.append(str(LIB))
    from station.declarations import BLOB

    for line in BLOB.strip().split("\n"):
        key, variable = line.split("|")[:2]
        if variable and variable.lower() == name.strip().lower():
            return key
    raise ValueError(f"{name}: no variable of this name is a setting")
