# First code that runs: outputs to their safe level, then the application slot to start from.
# MIT license; part of microevse
"""The relay pins float until here: the board's pull-down keeps them low. After a soft
reset they are driven low again before anything can go wrong.

Whatever else fails here, main.py is run next, with what lies in the file system."""

import sys

try:
    from hal import board, contactor

    for _connector in board.load()["connectors"]:
        contactor.Contactor(_connector["contactor"]).open()
except Exception as exc:
    # Without a readable profile nobody knows the pins; the application will say why.
    print("boot: board.json:", repr(exc))

try:
    from hal import appslot

    appslot.start()
except Exception as exc:
    print("boot: no application slot:", repr(exc))

# The application brings its own: what was imported here may be of another version.
for _name in list(sys.modules):
    if _name.split(".")[0] in ("hal", "slots"):
        del sys.modules[_name]
