# From a reader chip that must be asked to the tags that were shown.
# MIT license; part of microevse
"""The part that all readers have in common.

A reader, as the charger sees it:

    async next_tag()    the next tag that is shown: its UID in upper-case hex
    kind                protocol of that tag: "ISO14443", "ISO15693"; "Local" where the
                        reader does not know it
    failed              text of what is wrong with the reader, None while it works

A chip driver (mfrc522, pn532) is any class with these:

    async start()       reset and set up the chip; ReaderError if it does not answer
    async look()        UID (bytes) of the card in the field, None without one;
                        ReaderError if the chip, not the card, is at fault
    kind                protocol of the cards it reads

A card counts once, however long it is held. It counts when two looks in a row have seen
the same UID: the checksums of these buses have 8 bits and the SPI has none.
"""

import asyncio

import evse_base as port

LOOK_S = 0.2  # a person holds a card for longer
AGAIN_S = 0.03  # between the first sight of a card and the look that confirms it
GONE_LOOKS = 3  # cards at the edge of the field come and go
RETRY_S = 2  # a reader that is silent is started anew this often
_FAILURES = 3  # in a row, before it is said that the reader has failed


class ReaderError(Exception):
    """The reader chip does not answer, or not sensibly."""


class Polled:
    """Tags from `chip`.

    report(text or None): called once when the reader has failed, and with None when it
        works again.
    """

    def __init__(self, chip, report=None, ticks_ms=port.ticks_ms):
        self._chip = chip
        self.kind = chip.kind
        self._report = report
        self._ticks_ms = ticks_ms
        self._started = False
        self._errors = 0
        self._candidate = None
        self._held = None
        self._misses = 0
        self.failed = None
        self.restarts = 0  # how often the chip had to be set up again
        self.worst_ms = 0  # longest look that was seen, for the page and for support

    async def next_tag(self):
        """Wait for the next card and return its UID as upper-case hex; never fails."""
        while True:
            tag = await self.step()
            if tag is not None:
                return tag
            await asyncio.sleep(self._pause_s())

    def _pause_s(self):
        if self.failed is not None:
            return RETRY_S
        return AGAIN_S if self._candidate is not None else LOOK_S

    async def step(self):
        """Look once; the tag if one counts now, else None."""
        try:
            if not self._started:
                await self._chip.start()
                self._started = True
            begin = self._ticks_ms()
            uid = await self._chip.look()
            self.worst_ms = max(self.worst_ms, port.ticks_diff(self._ticks_ms(), begin))
        except (ReaderError, OSError) as exc:
            self._wrong(str(exc) or repr(exc))
            return None
        self._errors = 0
        if self.failed is not None:
            self.failed = None
            if self._report is not None:
                self._report(None)
        return self._saw(uid)

    def _wrong(self, text):
        self._candidate = None
        self._errors += 1
        if self._started:
            # The state of the chip is unknown: begin with its set-up.
            self._started = False
            self.restarts += 1
        if self._errors >= _FAILURES and self.failed is None:
            # A card that was held when the reader failed, and still is, has been counted already.
            self.failed = text
            if self._report is not None:
                self._report(text)

    def _saw(self, uid):
        """Take one good look; returns the tag when it counts."""
        before, self._candidate = self._candidate, None
        if uid is None:
            if self._held is not None:
                self._misses += 1
                if self._misses >= GONE_LOOKS:
                    self._held = None
            return None
        if uid == self._held:
            self._misses = 0
            return None
        if uid != before:
            self._candidate = uid
            return None
        self._held = uid
        self._misses = 0
        return "".join(["%02X" % byte for byte in uid])
