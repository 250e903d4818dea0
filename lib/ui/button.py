# A push button: short and long presses, without chatter.
# MIT license; part of microevse
"""Nothing runs while the button is not pressed: an interrupt sets `flag`, the rest is polled."""

import asyncio

import evse_base as port
from evse_base import const

_SHORT_MAX_MS = const(2000)  # after a longer press the person has changed their mind
_LONG_MS = const(10000)
_STEP_S = const(0.01)
_STABLE = const(3)  # equal looks in a row


class Button:
    """pressed(): True while the contact is closed. flag: port.Flag, set by any change of the
    contact.

    on_short(), on_long(): called once for each press; the long one while it is still held.
    A press of a length between the two does nothing, nor does a press from before `run`.
    """

    def __init__(self, pressed, flag, on_short, on_long=None, ticks_ms=port.ticks_ms):
        self._pressed = pressed
        self._flag = flag
        self._on_short = on_short
        self._on_long = on_long
        self._ticks_ms = ticks_ms
        self.chatter = 0  # changes of the contact that were no press

    async def run(self):
        """Wait for presses for ever."""
        if await self._settled():
            await self._released(None)
        while True:
            await self._flag.wait()
            begin = self._ticks_ms()
            if not await self._settled():
                self.chatter += 1
                continue
            held_ms = await self._released(begin)
            if held_ms is not None and held_ms <= _SHORT_MAX_MS:
                self._on_short()

    async def _settled(self):
        """The level once it has stayed the same for a while."""
        level = self._pressed()
        same = 1
        while same < _STABLE:
            await asyncio.sleep(_STEP_S)
            now = self._pressed()
            same = same + 1 if now == level else 1
            level = now
        return level

    async def _released(self, begin):
        """Wait for the release; ms it was held, None if that was a long press."""
        long = begin is None
        while await self._settled():
            if not long and port.ticks_diff(self._ticks_ms(), begin) >= _LONG_MS:
                long = True
                if self._on_long is not None:
                    self._on_long()
        return None if long else port.ticks_diff(self._ticks_ms(), begin)
