# The log of the central system, and how tests look into it.
# MIT license; part of microevse
"""`Looking`: the part of `Csms` that writes frames down and finds them again."""

import asyncio

from .frames import Frame, Payload, matches


# What a charger sends by itself: a CALL, or a SEND, which is looked for in the same way.
ASKED = ("call", "send")


class Looking:
    """Has `log`, `violations`, `cursor`, `clock`, `on_frame` from Csms."""

    def find(self, action, fields=None, start=0):
        """First CALL of the charger from log index `start` on that fits, as Payload, or None."""
        for index in range(start, len(self.log)):
            frame = self.log[index]
            if frame.direction == "in" and frame.type in ASKED and frame.action == action:
                if matches(frame.payload, fields or {}):
                    found = Payload(frame.payload)
                    found.t, found.unique_id, found.index = frame.t, frame.unique_id, index
                    return found
        return None

    def calls(self, action=None, start=0, **fields):
        """All CALLs of the charger from log index `start` on that fit."""
        found = []
        index = start
        while index < len(self.log):
            frame = self.log[index]
            if frame.direction == "in" and frame.type in ASKED:
                if action in (None, frame.action) and matches(frame.payload, fields):
                    item = Payload(frame.payload)
                    item.t, item.unique_id, item.index = frame.t, frame.unique_id, index
                    found.append(item)
            index += 1
        return found

    async def expect(self, action, timeout=10, **fields):
        """Wait (real time) for a CALL that fits; consumes the log up to and including it."""
        end = asyncio.get_running_loop().time() + timeout
        while True:
            found = self.find(action, fields, self.cursor)
            if found:
                self.cursor = found.index + 1
                return found
            left = end - asyncio.get_running_loop().time()
            self._change.clear()
            try:
                await asyncio.wait_for(self._change.wait(), left)
            except asyncio.TimeoutError:
                raise AssertionError(
                    f"no {action} {fields or ''} within {timeout} s\n{self.story()}"
                ) from None

    def story(self, last=60):
        """The log as text."""
        lines = [str(frame) for frame in self.log[-last:]]
        return "\n".join(lines) if lines else "(the CSMS saw no frame)"

    def _note(self, direction, type, action, payload, unique_id, wire):
        frame = Frame(self.clock(), direction, type, action, payload, unique_id, wire)
        self.log.append(frame)
        if self.on_frame:
            self.on_frame(frame)
        self._changed()
        return frame

    def _blame(self, errors, prefix=""):
        for error in errors:
            self.violations.append(f"{prefix}{error}")
            self._note("--", "WRONG", "", prefix + error, "", None)

    def _changed(self):
        self._change.set()
