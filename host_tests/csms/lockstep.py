# The central system on virtual time: it is idle when all bytes are handled, answers can wait.
# MIT license; part of microevse
"""`Lockstep`: the part of `Csms` that keeps pace with the charger's clock."""

import asyncio
import heapq

# Real seconds to wait for bytes that are certainly on their way.
HOST_PATIENCE = 5


class Lockstep:
    """Has `connections`, `rx_bytes`, `clock` from Csms."""

    def count(self, size):
        self.rx_bytes += size

    async def settle(self, tx_bytes=None, patience=0.05):
        """Return once everything the charger wrote has been handled and our answers are out.

        `tx_bytes` is how many bytes the charger has written to us in all. Bytes that can never
        come (written to a dead connection) cost `patience` real seconds once. Without a count:
        once nothing has come for a moment.
        """
        loop = asyncio.get_running_loop()
        lost = sum(wire.lost for wire in self.connections)
        if tx_bytes is not None and lost == self._lost:
            # No connection has gone: every byte will come, however slow this host is.
            patience = HOST_PATIENCE
        self._lost = lost
        end = loop.time() + patience
        quiet = 0
        while True:
            seen = self.rx_bytes
            await asyncio.sleep(0)
            alive = [wire for wire in self.connections if not wire.lost]
            late = loop.time() > end
            if tx_bytes is not None:
                complete = self.rx_bytes + self._slack >= tx_bytes
            else:
                quiet = quiet + 1 if seen == self.rx_bytes else 0
                complete = quiet > 20
            if complete or late:
                for wire in alive:
                    wire.handle()
            if late and tx_bytes is not None:
                self._slack = tx_bytes - self.rx_bytes
            if late or complete and not any(wire.unsent for wire in alive):
                return

    def later(self, seconds, action):
        """Run `action()` in `seconds` of our clock."""
        self._serial += 1
        heapq.heappush(self._due, (self.clock() + seconds, self._serial, action))

    def next_due(self):
        """When the next delayed answer is due (Unix s), or None."""
        return self._due[0][0] if self._due else None

    def run_due(self):
        """Send the answers whose time has come."""
        while self._due and self._due[0][0] <= self.clock() + 1e-6:
            heapq.heappop(self._due)[2]()

    async def _tick(self):
        while True:
            self.run_due()
            await asyncio.sleep(0.01)
