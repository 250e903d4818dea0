# What keeps the contactor of a connector open over restarts, on flash.
# MIT license; part of microevse
"""One HELD record for each connector: causes of faults that a restart does not end, the counts of
closings, the last session that was counted as cut, and whether free mode waits for the cable.

A record of another version, or one that cannot be read, never keeps the charger from starting. It
never lets more happen either: a person has to reset it then.
"""

import log
import port
from iec61851.closings import CUT
from store import kinds
from store.journal import JournalFull

from .faults import PERSON, UNPLUG, clearing, is_known


class Held:
    """Reads and writes the record of one connector."""

    def __init__(self, connector, journal):
        self._connector = connector
        self._journal = journal
        self._counted = 0  # the last session that was counted as cut
        self._waits = 0  # 1: free mode waits until the cable has been out
        self._on_flash = [], 0, 0  # causes and these two

    def restore(self, payload):
        """At boot: what kept the contactor open before still does. payload: of the record."""
        causes = payload[1] if len(payload) > 1 and isinstance(payload[1], list) else [None]
        closings = self._connector.evse.closings
        self._connector.evse.restore_closings(payload[2] if len(payload) > 2 else None)
        for cause in causes:
            if clearing(cause) in (UNPLUG, PERSON) and is_known(cause):
                self._connector.faults.report(cause, "", 0)
            elif not is_known(cause):
                log.warn("station", "held by an unknown cause: %r", cause)
                closings.why, closings.person = "fault", True
                self._connector.evse.trip("ClosingsExceeded")
        if len(payload) > 3 and isinstance(payload[3], int):
            self._counted = payload[3]
        self._waits = int(len(payload) > 4 and payload[4] != 0)
        self._connector.finished = bool(self._waits)
        self._on_flash = causes, self._counted, self._waits

    def damaged(self):
        """At boot: the record cannot be read."""
        self.restore([])

    def cut(self, sessions, commanded, waits):
        """At boot: these sessions have no end. Where the EV was asking, and nobody commanded the
        restart, it may be what the closing did: it counts, on flash before the next closing. Until
        a session has its end it is found, but not counted again, at each start. `waits`: a stop
        may have cut the supply."""
        evse = self._connector.evse
        for session in sessions:
            if session.number > self._counted:
                self._counted = session.number
                if session.asking and not commanded:
                    evse.closings.ended(port.ticks_ms(), CUT)
                if waits:
                    self._waits = 1
                    self._connector.finished = True
        if evse.closings.why:
            evse.trip("ClosingsExceeded")
        self.keep()

    def keep(self):
        """Put on flash what has changed. Never while the contactor is closed."""
        connector = self._connector
        closings = connector.evse.closings
        causes = connector.faults.for_person(True)
        if not connector.finished:
            self._waits = 0
        wanted = causes, self._counted, self._waits
        if connector.evse.closed or (wanted == self._on_flash and not closings.news):
            return
        closings.news, kept = False, False
        try:
            record = [connector.id, causes, closings.counts(), self._counted, self._waits]
            self._journal.keep(kinds.HELD, connector.id, record)
            self._on_flash, kept = wanted, True
        except (JournalFull, OSError) as exc:
            log.error("station", "faults not recorded: %r", exc)
        finally:
            if not kept:
                closings.news = True  # again at the next look
