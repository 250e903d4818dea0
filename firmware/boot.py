# First code that runs: outputs to their safe level, nothing else.
# MIT license; part of microevse
"""The relay pins float until here: the board's pull-down keeps them low. After a soft
reset they are driven low again before anything can go wrong."""

from hal import board, contactor

try:
    for _connector in board.load()["connectors"]:
        contactor.Contactor(_connector["contactor"]).open()
except (OSError, ValueError, KeyError, TypeError) as exc:
    # Without a readable profile nobody knows the pins; the application will say why.
    print("boot: board.json:", repr(exc))
