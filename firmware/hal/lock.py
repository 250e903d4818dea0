# Motor lock of a socket outlet.
# MIT license; part of microevse
"""Two motor wires and a detect contact. The plug is locked before the contactor closes."""

import asyncio

import machine

TRIES = 3


class Lock:
    """`cfg`: pins `a`, `b` (a high drives the bolt in), `detect`; optional `pulse_ms`,
    `settle_ms` before the contact is read, `break_ms` between tries, `locked_level`,
    `detect_drive` (the contact has current only while both wires are high).

    With `detect_drive` the lock is not watched while charging. Each look would drive the wire that
    pulls the bolt out, twice a second under load, and only the other wire holds against it. If the
    other wire breaks, each look unlocks."""

    fitted = True

    def __init__(self, cfg):
        pin = machine.Pin
        self._a = pin(cfg["a"], pin.OUT, value=0)
        self._b = pin(cfg["b"], pin.OUT, value=0)
        self._detect = pin(cfg["detect"], pin.IN)
        self._pulse_s = cfg.get("pulse_ms", 400) / 1000
        self._settle_s = cfg.get("settle_ms", 50) / 1000
        self._break_s = cfg.get("break_ms", 1000) / 1000
        self._level = cfg.get("locked_level", 1)
        self._drive = cfg.get("detect_drive", False)
        # Not polled where reading takes current: the last reading counts.
        self._known = False if self._drive else None

    def is_locked(self):
        """Whether the bolt is in. Does not allocate: the tick asks before closing."""
        if self._known is not None:
            return self._known
        return self._detect.value() == self._level

    @property
    def locked(self):
        return self.is_locked()

    async def lock(self):
        """Bolt in. True if the contact says so, after at most three tries."""
        return await self._move(self._a, True)

    async def unlock(self):
        """Bolt out. True if the contact says so. The contactor must be open."""
        return await self._move(self._b, False)

    async def _move(self, wire, locked):
        for again in range(TRIES):
            if again:
                await asyncio.sleep(self._break_s)
            if self._drive:
                self._known = False  # not known to be locked while it moves
            try:
                wire.value(1)
                await asyncio.sleep(self._pulse_s)
            finally:
                wire.value(0)  # also when cancelled: a motor that stalls burns
            await asyncio.sleep(self._settle_s)
            if self._drive:
                await self._sense(wire)
            if self.is_locked() == locked:
                return True
        return False

    async def _sense(self, wire):
        """Read the contact after a movement by `wire`, which goes high first and low last. The
        tick may run between two lines, and one wire alone moves the bolt: then it moves on the
        same way."""
        other = self._b if wire is self._a else self._a
        try:
            wire.value(1)
            other.value(1)
            await asyncio.sleep(self._settle_s)
            self._known = self._detect.value() == self._level
        finally:
            other.value(0)
            wire.value(0)
