# Sends diagnostics and fetches updates; the code for it is loaded when it is needed.
# MIT license; part of microevse
"""The services of station.jobs.Jobs, from the parts of one charger.

The packages that move files are large and rarely needed: they are imported for a transfer,
with every contactor open, and given up after it.
"""

import asyncio
import gc
import sys

from evse_base import log
from evse_base import const, forget, release, traceless
from hal import memory

# The largest file that is taken; the installer knows better how much it has room for.
LIMIT = 4 * 1024 * 1024
# The central system has this long to hear that a transfer begins, before its connection is closed.
_TOLD_S = 2
_CAME = "a car has come"
_UNSIGNED = const("Updates that nobody has signed are taken.")
# The running slot is looked at once a day, the first time when the start is long over.
_CHECK_S = const(86400)
_FIRST_CHECK_S = const(600)


class TransferFailed(Exception):
    """A transfer failed; the text says why and holds no secret."""


class Transfers:
    """config: has the certificates of the authority that vouches for the central system.

    line: the ocppj.central.Central, whose connection stands aside where the memory of its TLS is
    needed; None before it is made. allowed: fn() -> True while no contactor is closed. report:
    fn() -> (source, size) of the diagnostics.
    """

    # MemoryError: a second TLS connection may be more than a small heap can hold.
    errors = (TransferFailed, ValueError, OSError, MemoryError)

    def __init__(self, station, config, allowed, report):
        self.station = station
        self.config = config
        self.line = None
        self.allowed = allowed
        self.report = report
        self._seen = []  # issuers that the server of this try names
        self._moving = False
        self.program = ""  # what a person should know of the program and its updates
        self.check_s = _FIRST_CHECK_S  # uptime from which the running slot is looked at again
        self.reset_reason = None  # the reason of the next reset, if it is for an update

    def vacant(self):
        """True while no session runs and no token waits, either: the charger may restart."""
        station = self.station
        if station.recovering or not self.allowed():
            return False
        return not any(c.session or c.waiting for c in station.connectors)

    async def fetch(self, location, sink, stop=None):
        """Get a file into `sink`; returns its size. stop: see transfer.fetch."""
        await self._turn(stop)
        import transfer

        stop, aside = self._aside(location, stop)

        def work():
            return transfer.fetch(location, sink, self._context, LIMIT, self._gate, stop)

        return await self._do(transfer, work, aside)

    async def send(self, location, source, size, name, stop=None):
        """Put what `source()` yields at `location`, as `name` if that is a directory."""
        await self._turn(stop)
        import transfer

        where = transfer.join(location, name)
        stop, aside = self._aside(location, stop)

        def work():
            return transfer.send(where, source, size, name, self._context, self._gate, stop)

        await self._do(transfer, work, aside)

    async def _turn(self, stop):
        """One at a time: a log and an update may be wanted at once. Before the import, as the one
        that ends drops the code. TransferFailed if a newer request gives it up before its turn."""
        while self._moving:
            if stop is not None and stop(False):
                raise TransferFailed  # no words, which would take memory: nobody tells of it
            await asyncio.sleep(1)

    def _aside(self, location, stop):
        """(stop, aside): aside is True if the connection to the central system has to be closed
        for this transfer. TransferFailed if there is no memory for the transfer otherwise.

        Two TLS connections are more than a plain ESP32 holds. A connection that is closed can be
        made again only while no car charges: so it is closed only while no car is there, and the
        transfer is given up when one comes.
        """
        reason = "" if location[:6].lower() != "https:" else memory.lacks("tls")
        if not reason:
            return stop, False
        line = self.line
        if line is None or not (line.connection.connected and self.config.secure()):
            raise TransferFailed(reason)
        if not self._unoccupied():
            raise TransferFailed(reason + "; it can be had while no car is connected")

        def stopped(slow):
            return not self._unoccupied() or (stop is not None and stop(slow))

        return stopped, True

    def _unoccupied(self):
        return self.vacant() and not any([c.evse.plugged for c in self.station.connectors])

    async def _gate(self):
        # A car may have begun to charge since the transfer began.
        while not self.allowed():
            await asyncio.sleep(1)

    async def _do(self, transfer, work, aside):
        again = False
        self._moving = True
        try:
            if aside:
                await asyncio.sleep(_TOLD_S)
                if not self._unoccupied():
                    raise TransferFailed(_CAME)  # the line stays: it could not be made again
                await self.line.stand_aside("its memory is needed for a file over https")
                reason = memory.lacks("tls") if self._unoccupied() else _CAME
                if reason:
                    raise TransferFailed(reason)
            while True:
                gc.collect()
                self._seen = []
                try:
                    return await work()
                except ValueError as exc:
                    from ocppj import tls

                    # Not known by this CA: the server may name another one. Nothing has been sent
                    # or received yet: the handshake comes first.
                    if again or not tls.another_ca(exc, self.config.next_ca, self._seen):
                        raise
                    again = True
        except transfer.TransferError as exc:
            # A class of our own: that one goes with its module.
            raise TransferFailed(str(exc)) from None
        finally:
            self._moving = False
            if aside:
                self.line.come_back()
            forget("transfer")
            release("ocppj.tls")
            gc.collect()

    def _context(self):
        # The authority that vouches for the central system vouches for its file server too.
        # Our own certificate is for the central system alone.
        ca = self.config.ca_der
        if not ca:
            raise ValueError("https:// needs a CA certificate: CaFile is not set")
        from ocppj import tls

        try:
            return tls.client_context(ca, seen=self._seen)
        finally:
            release("ocppj.tls")

    def installer(self):
        """The installer that this board has, None if it has none."""
        from upkeep import installer

        return installer.fitted(self.station.settings)

    def manufacturer_roots(self):
        """DER of the roots whose holders may sign an update; see upkeep/manufacturer.py."""
        from upkeep import manufacturer

        try:
            return manufacturer.roots(self.station.settings)
        finally:
            release("upkeep.manufacturer")

    def only_signed(self):
        """Why UpdateFirmware is not taken, "" if it is."""
        if not self.allowed():
            return ""  # what tells it is long to load; the installer asks again
        from upkeep import manufacturer

        try:
            why = manufacturer.only_signed(self.station.settings)
        finally:
            release("upkeep.manufacturer")
        if why and self.program == _UNSIGNED:
            self.program = ""  # a root has been installed since the start
        return why

    def start_trial(self, tick, supervisor, central, link):
        """Watch the version that runs, if it has not been confirmed yet."""
        from hal import appslot

        from upkeep import manufacturer

        release("upkeep.manufacturer")
        if appslot.devices() and manufacturer.takes_unsigned(self.station.settings):
            self.program = _UNSIGNED
            log.warn("update", "unsigned updates are taken: there is no file %s", appslot.KEY_FILE)
        try:
            if appslot.on_trial():
                from upkeep.trial import Trial

                trial = Trial(
                    self.station, tick, supervisor, central, link, self.vacant, self.reboot
                )
                supervisor.start("trial", trial.run)
                return
        except OSError as exc:
            log.error("update", "the slot's record cannot be read: %r", exc)
        forget("slots")
        forget("hal.appslot")

    def look_at_slot(self):
        """Begin to look at the slot that runs if it is time for that; to be asked every few
        seconds while every contactor is open."""
        uptime = self.station.clock.uptime()
        if uptime >= self.check_s:
            self.check_s = uptime + _CHECK_S
            if [place for place in sys.path if place.startswith("/app_")]:
                from upkeep import slot_check

                release("upkeep.slot_check")
                asyncio.create_task(traceless(slot_check.run(self)))

    async def reboot(self):
        """Restart into the version that was installed."""
        self.reset_reason = "FirmwareUpdate"
        await self.station.reset("soft")
