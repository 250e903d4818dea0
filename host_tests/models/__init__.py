# Register-level models of chips, written from their data sheets.
# MIT license; part of microevse
"""Counterparts of the drivers in `lib/`, on both interpreters, and from nothing in `lib/`:
an error made twice shows no difference. `Time` is the clock that models and drivers share.
"""


class Time:
    """Virtual time. In a module that was given to `rule`, `asyncio.sleep` moves it."""

    def __init__(self):
        self.us = 0
        self.longest_us = 0  # longest stretch between two sleeps: what a driver stalls
        self._since = 0

    def __call__(self):
        """ms, as port.ticks_ms"""
        return self.us // 1000 & (1 << 30) - 1

    def rule(self, *modules):
        for module in modules:
            module.asyncio = self
        return self

    def spend(self, us):
        """A bus transfer or a computation takes its time."""
        self.us += us
        self.longest_us = max(self.longest_us, self.us - self._since)

    async def sleep(self, seconds):
        self.us += int(seconds * 1000000)
        self._since = self.us

    def pass_ms(self, ms):
        self.us += ms * 1000
        self._since = self.us


class Noise:
    """The same pseudo random numbers from the same seed on both interpreters."""

    def __init__(self, seed):
        self._x = seed * 2654435761 & 0xFFFFFFFF or 1

    def below(self, n):
        x = self._x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._x = x
        return x % n

    def hit(self, permille):
        """True with a chance of `permille` / 1000."""
        return self.below(1000) < permille
