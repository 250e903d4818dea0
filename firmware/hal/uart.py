# Serial ports of the board profile.
# MIT license; part of microevse
"""A port is opened once; the owner of the bus (Modbus master, reader) keeps the object."""

import machine

_PARITY = {"none": None, "even": 0, "odd": 1}


def open_uart(board, number):
    """(UART, direction pin or None) for port `number` of the profile.

    The direction pin of an RS-485 driver is low: listening. KeyError if the profile has
    no such port.
    """
    for cfg in board.get("uarts", ()):
        if cfg["id"] == number:
            uart = machine.UART(
                number,
                baudrate=cfg.get("baud", 9600),
                parity=_PARITY[cfg.get("parity", "none")],
                tx=cfg["tx"],
                rx=cfg["rx"],
                timeout=0,
            )
            direction = cfg.get("dir")
            if direction is not None:
                direction = machine.Pin(direction, machine.Pin.OUT, value=0)
            return uart, direction
    raise KeyError("no uart %s" % number)
