# The ULP guard: set-up of pad and program, its self-test, the watch over its memory.
# MIT license; part of microevse
"""Beside hal/ulp_guard.py, which the tick uses; nothing here runs in the tick. All of it happens
with the contactor open and its pad not enabled, except the comparison of the program's words.

Self-test, in each plug-in before anything may close: the ULP sees the voltage that the tick sees;
its clock runs as ours; it sets its output bit when the limits are around that voltage, and takes
it away, and keeps it away, when they are not, when the heartbeat stops, and when the converter is
kept from it. It cannot test the pad's driver, the relay and the negative plateau (the PWM is off
then)."""

import asyncio

from evse_base import const, log, ticks_diff, ticks_ms
from hal.ulp_guard import PERMIT, VERSION
from iec61851.levels import DIODE_MV, HYSTERESIS_MV

_HEADER = const(12)  # of the binary
_ENTRY = const(36)  # word: behind the mailbox
_SLOW_MEM = const(0x50000000)
_WAKE_UP_US = const(300)
_CALIBRATION = const(0x3FF48050)
_OUT = const(0x3FF48400)
_ATTEN1 = const(0x3FF48834)
_MUX = const(0x00080000)
_DOWN = const(0x10000000)
# HOLD, RUE, RDE, MUX_SEL, FUN_SEL, SLP_SEL, FUN_IE of a touch pad's register.
_PAD_FIELDS = const(0x980F2000)

# Words of the mailbox, by number: firmware/hal/ulp_guard.S.
_CMD, _HB, _REQ, _TURN, _CLO, _CHI, _LOWMAX = range(7)
_BADLIM, _GOODLIM, _LEASE, _HOLD, _HBLIM, _EASE, _EASELIM = range(7, 14)
_VER, _TICK, _STATE, _MAX, _MIN = range(14, 19)
_NOW = const(22)

_C_MV, _B_MV, _D_MV = const(4500), const(7500), const(1500)  # as in iec61851/levels.py
_LEASE_MS, _HOLD_MS, _HB_MS, _EASE_MS = const(15), const(40), const(2000), const(6500)
_BAD, _GOOD = const(3), const(4)
_AGAIN_MS = const(60000)  # after a failed test
_LOOK_MS = const(200)
_PART = const(24)  # words compared at once: less than 1 ms
_NEAR = const(200)  # counts: 0.16 V at the pin, 1.5 V of pilot
_TRIES = const(3)  # a car that changes its state meanwhile fails one


def count(plateau, mv):
    """The count of 12 bits for `mv` on the pilot."""
    low, high = 0, 4095
    while low < high:
        middle = (low + high) >> 1
        if plateau.mv(middle << 4 | middle >> 8) < mv:
            low = middle + 1
        else:
            high = middle
    return low


class UlpWatch:
    """guard: UlpGuard; connector: the one whose contactor it guards, with its `evse`; plateau: the
    Plateau of its pilot, calibrated. Its task: `run`."""

    def __init__(self, guard, connector, plateau, ventilated):
        self._guard = guard
        self._connector = connector
        self._evse = connector.evse
        self._plateau = plateau
        self._at = 0  # word that is compared next
        self._failed_ms = None
        self._told = None  # the failure that was reported last
        # 64 slow cycles, as ESP-IDF has measured them at the start, in 1/1000 ms; 427 nominal.
        slow = guard.mem[_CALIBRATION]
        self._unit = slow * 64 >> 19 if 2621440 <= slow <= 5825422 else 427
        low_mv = (_D_MV if ventilated else _C_MV) - HYSTERESIS_MV
        self._limits = [
            count(plateau, low_mv), count(plateau, _B_MV), count(plateau, DIODE_MV),
            _BAD, _GOOD, 0x7FFF, self._units(_HOLD_MS), self._units(_HB_MS), 1,
            self._units(_EASE_MS),
        ]  # fmt: skip
        guard.lease = self._units(_LEASE_MS)
        self.load()

    def _units(self, ms):
        return ms * 1000 // self._unit

    def _get(self, word):
        return self._guard.mem[_SLOW_MEM + 4 * word] & 0xFFFF

    def _put(self, word, value):
        self._guard.mem[_SLOW_MEM + 4 * word] = value

    # -- set-up ----------------------------------------------------------------------------

    def load(self):
        """Hand the pad over, not driven, and put the program into its memory. The ULP stands
        still."""
        import esp32

        guard = self._guard
        mem, program = guard.mem, guard.program
        guard.open()
        pad = mem[program.PAD] & ~_PAD_FIELDS & 0xFFFFFFFF | _DOWN | _MUX
        mem[program.PAD] = pad
        mem[0x3FF48428 + 4 * (program.BIT - 14)] &= ~4 & 0xFFFFFFFF  # RTC_GPIO_PINn: push-pull
        if mem[program.PAD] & _PAD_FIELDS != _DOWN | _MUX:
            guard.failed = "the pad does not take the RTC's function"
        esp32.ULP().load_binary(0, program.BINARY)
        self._restore()

    def _restore(self):
        """The real limits, nothing permitted."""
        self._put(_CMD, 0)
        for i, value in enumerate(self._limits):
            self._put(_CLO + i, value)

    def _same(self, first, last):
        """True if the program's words from `first` to before `last` are those of the binary."""
        binary = self._guard.program.BINARY
        for word in range(first, last):
            at = _HEADER + 4 * word
            value = self._guard.mem[_SLOW_MEM + 4 * word]
            if value != int.from_bytes(binary[at : at + 4], "little"):
                return False
        return True

    def _intact(self, whole=False):
        """Compare a part of the program, and the limits. The name of what differs, or None."""
        words = (len(self._guard.program.BINARY) - _HEADER) // 4
        first = _ENTRY if whole or self._at >= words or self._at < _ENTRY else self._at
        self._at = words if whole else min(first + _PART, words)
        if not self._same(first, self._at):
            return "the ULP's program has changed"
        for i, value in enumerate(self._limits):
            # The main program itself changes these two.
            if _CLO + i not in (_LEASE, _EASE) and self._get(_CLO + i) != value:
                return "the ULP's limits have changed"
        return None

    async def start(self):
        """Let the program run. What is wrong, or None."""
        import esp32

        guard = self._guard
        guard.stop()
        await asyncio.sleep_ms(12)  # a window that still runs
        self.load()
        if guard.failed and "pad" in guard.failed:
            return guard.failed
        wrong = self._intact(True)
        if wrong:
            return wrong
        self._put(_REQ, 1)
        ulp = esp32.ULP()
        ulp.set_wakeup_period(0, _WAKE_UP_US)
        ulp.run(4 * _ENTRY)
        guard.begun()
        return None

    # -- self-test -------------------------------------------------------------------------

    async def _until(self, state, output):
        """True once STATE and the output bit are these, within 120 ms."""
        guard = self._guard
        for _ in range(60):
            bit = guard.mem[_OUT] >> guard.program.BIT & 1
            if self._get(_STATE) == state and bit == output:
                return True
            await asyncio.sleep_ms(2)
        return False

    async def test(self):
        """The self-test, about 0.6 s; the contactor is open. What is wrong, or None."""
        guard = self._guard
        guard.tested = False
        wrong = await self.start()
        if wrong:
            return wrong
        try:
            return await self._test()
        finally:
            self._restore()
            guard.ease(0 if self._evse.pwm else 1)

    async def _test(self):
        guard = self._guard
        await asyncio.sleep_ms(100)
        if self._get(_VER) != VERSION:
            return "the ULP does not run"
        if guard.mem[_ATTEN1] >> 2 * guard.program.CHANNEL & 3 != 3:
            return "the converter has another range"
        here = count(self._plateau, self._plateau.high_mv)
        if abs(self._get(_MAX) - here) > _NEAR:
            return "the ULP reads %d, the program %d" % (self._get(_MAX), here)
        wrong = await self._rate()
        if wrong:
            return wrong
        self._put(_EASE, 0)
        self._put(_LOWMAX, 4095)
        for name, stop, go_on, state in (
            ("pilot", self._away, self._around, 2),
            ("heartbeat", self._silence, self._beating, 3),
            ("converter", guard.take, guard.give, 4),
        ):
            self._around()
            self._put(_CMD, PERMIT)
            if not await self._until(1, 1):
                return "the ULP does not close"
            stop()
            tripped = await self._until(state, 0)
            go_on()
            if not tripped:
                return "the ULP does not open: " + name
            await asyncio.sleep_ms(30)
            if not await self._until(state, 0):
                return "the ULP closes again: " + name
            self._put(_CMD, 0)
            if not await self._until(0, 0):
                return "the ULP does not let go: " + name
        return None

    def _around(self):
        """Limits around what the pilot is now, after which it closes."""
        here = self._get(_MAX)
        self._put(_CLO, max(0, here - _NEAR))
        self._put(_CHI, here + _NEAR)

    def _away(self):
        self._put(_CLO, 4095)

    def _silence(self):
        self._put(_HBLIM, 0)

    def _beating(self):
        self._put(_HBLIM, self._units(_HB_MS))

    async def _rate(self):
        """Windows without turns, for 200 ms: the time of one, and the ULP's clock. They stay so to
        the end of the test."""
        self._put(_LEASE, 0)
        now, tick, begun = self._get(_NOW), self._get(_TICK), ticks_ms()
        await asyncio.sleep_ms(200)
        ms = ticks_diff(ticks_ms(), begun)
        units, windows = self._get(_NOW) - now & 0xFFFF, self._get(_TICK) - tick & 0xFFFF
        if not 80 * ms < units * self._unit // 10 < 120 * ms:
            return "the ULP's clock: %d ms are %d units" % (ms, units)
        # 2.3 to 7.5 ms each, less what the tick takes of the converter.
        if not ms // 14 <= windows <= ms * 10 // 23:
            return "the ULP's windows: %d in %d ms" % (windows, ms)
        return None

    # -- its task --------------------------------------------------------------------------

    async def run(self):
        """Test it in each plug-in, stop it without one, and compare its memory meanwhile."""
        while True:
            try:
                await self.look()
            except Exception as exc:
                self._guard.fail(repr(exc))
            await asyncio.sleep_ms(_LOOK_MS)

    async def look(self):
        """One turn of `run`."""
        guard, evse = self._guard, self._evse
        if guard.failed:
            self._tell(guard.failed)
        if not evse.plugged:
            self._failed_ms = None
            if guard.running and not evse.closed:
                guard.stop()
                guard.tested = False
        elif evse.closed or guard.tested:
            wrong = self._intact()
            if wrong:
                guard.fail(wrong)
        elif self._failed_ms is None or ticks_diff(ticks_ms(), self._failed_ms) > _AGAIN_MS:
            await self._test_for_this_plug_in()

    async def _test_for_this_plug_in(self):
        guard = self._guard
        for _ in range(_TRIES):
            wrong = await self.test()
            if not self._evse.plugged:
                return
            if not wrong:
                guard.tested = True
                self._told = None
                self._connector.clear_fault("GuardFailed")
                return
        self._failed_ms = ticks_ms()
        guard.fail(wrong)

    def _tell(self, why):
        """Once for each failure: the log, the fault; the next test is a minute away."""
        if self._told != why:
            self._told = why
            self._failed_ms = ticks_ms()
            log.error("ulp", "%s", why)
            self._connector.report_fault("GuardFailed", why[:40])
            self._guard.stop()
