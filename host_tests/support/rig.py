# The electrical half of the charger on the virtual board, in this process.
# MIT license; part of microevse
"""`Rig`: firmware/hal and iec61851.Evse over the twin's physics, without sessions or network.

The same code as on a board, from the timer callback to the relay pin; only the asyncio side
is missing. Virtual time, CPython. `Rig(corners=True)` draws a board and an EV at random from
what the standard and the parts allow; the same seed gives the same ones.
"""

import asyncio
import sys
from random import Random

import evse_base as port
from iec61851.evse import Evse
from twin.chip import RESETS
from twin.pilot_circuit import Adc
from twin.world import Rng
from twin_bench import PROFILE, Board
from twin_bench import burst as computed
from twin_bench import machine as twin_machine

HAL = ("adc", "board", "contact", "contactor", "lock", "pilot", "rcd", "system", "tick")
HAL += ("watchdog",)
OURS = ("hal", "machine", "esp32", "burst")

# The error of an ESP32's converter, and the error that calibration at two points leaves.
RAW_GAIN = 0.06
RESIDUAL = 0.015
_CAL_MV = (320, 2250)  # both below the bend, also with the raw gain

GC_MS = 10
PROGRAM_MS = 1


class _Burst:
    """The sampler seam: windows conversion by conversion, or computed (faster)."""

    def __init__(self, real):
        self.real = real
        self.by_sample = False

    def sample(self, adc, buf, window_us):
        sample = self.real.sample if self.by_sample else computed.compute
        return sample(adc, buf, window_us)

    def skipped_ms(self):
        return computed.skipped_ms()


def _load_hal():
    """The hal modules over the twin's machine; sys.modules is left as it was."""
    kept = {}
    for name in list(sys.modules):
        if name.split(".")[0] in OURS:
            kept[name] = sys.modules.pop(name)
    sleep_ms = port.sleep_ms
    sys.modules["machine"] = twin_machine
    try:
        seam = _Burst(__import__("burst"))
        sys.modules["burst"] = seam
        # Code that takes the name from here sleeps in virtual time.
        port.sleep_ms = lambda ms: Rig.now_running.board.clock.sleep(ms * 1000)
        package = __import__("hal", fromlist=HAL)
        for name in HAL:
            __import__("hal." + name)
        return package, seam
    finally:
        port.sleep_ms = sleep_ms
        for name in list(sys.modules):
            if name.split(".")[0] in OURS:
                del sys.modules[name]
        sys.modules.update(kept)


def corner(seed):
    """(options of the twin, residual factor) of one random board and EV."""
    rng = Rng(seed)
    options = {
        "corners": "random",
        "adc_gain": 1 + rng.uniform(-RAW_GAIN, RAW_GAIN),
        "adc_sigma_mv": rng.uniform(8, 15),
        "adc_spike_rate": rng.uniform(0, 0.01),
        "adc_preempt": 0.01,
        "drop_ms": rng.uniform(10, 30),
        "pickup_ms": rng.uniform(10, 30),
    }
    return options, 1 + rng.uniform(-RESIDUAL, RESIDUAL)


def _calibration(options, residual):
    """Two points of a commissioning with a voltmeter that is off by `residual`."""
    converter = Adc(Rng(1), options, options.get("chip", "esp32"))
    points = []
    for mv in _CAL_MV:
        raw = converter.raw(mv)
        points.append([raw << 4 | raw >> 8, int(mv * 1000 * residual)])
    return points


class Rig:
    """hal + Evse. Use as a context manager: it takes over the time of `port`.

    `board`: a whole profile, calibrated at boot by what its chip knows of itself; otherwise
    with corners by two points. `profile` replaces keys of the connector. `ventilated`: as in
    the profile. `permit` has been called for nothing yet, and no EV is there. `connectors`: how
    many of the board there are (`evses`, `contactors`); `rtc_watchdog`: the chip's is used, too.
    """

    now_running = None

    def __init__(
        self,
        seed=1,
        corners=False,
        profile=None,
        by_sample=False,
        board=None,
        rtc_watchdog=False,
        **options,
    ):
        self.seed = seed
        self.random = Random(seed)
        profile = dict(profile or {})
        if corners:
            drawn, residual = corner(seed)
            if board:
                drawn["adc_vref"] = 1100 / drawn["adc_gain"]
                drawn["adc_gain"] = residual
            drawn.update(options)
            options = drawn
        if corners and not board:
            cp = dict(profile.get("cp", PROFILE["connectors"][0]["cp"]))
            cp["cal"] = _calibration(options, residual)
            profile["cp"] = cp
        self.board = Board(profile, seed=seed, board=board, fidelity="sample", **options)
        self.clock = self.board.clock
        self.outlet = self.board.outlet
        self.ev = self.board.ev
        self.circuit = self.board.pilot
        self.by_sample = by_sample
        self.rtc_watchdog = rtc_watchdog
        self.alive = lambda: True  # what the tick asks: whether the rest of the program is
        self._before = None

    def __enter__(self):
        self._before = port._now_us
        Rig.now_running = self
        port.use_clock(lambda: (self.clock.entered(), self.clock.virtual_now_us())[1])
        SEAM.by_sample = self.by_sample
        computed.forget()  # its ready-made windows are those of another world
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        port.use_clock(self._before)

    def _build(self):
        board = self.board.board
        self.adc = hal.adc.PilotAdc(board)
        self.evses, self.contactors, self.locks, self.rcds = [], [], [], []
        for i, profile in enumerate(board["connectors"]):
            self._connector(i, profile)
        self.evse, self.lock, self.rcd = self.evses[0], self.locks[0], self.rcds[0]
        self.dog = hal.watchdog.Watchdog(board["chip"] if self.rtc_watchdog else "")
        self.tick = hal.tick.Tick(
            self.adc, self.evses, self.contactors, self.dog, self.alive, board["guard"] != "none"
        )
        self.tick.start()

    def _connector(self, i, profile):
        lock = hal.lock.Lock(profile["lock"]) if "lock" in profile else None
        rcd = hal.rcd.Rcd(profile["rcd"]) if profile.get("rcd") else None
        contactor = hal.contactor.Contactor(profile["contactor"])
        evse = Evse(
            hal.pilot.Pilot(profile["cp"]),
            contactor,
            ventilated=profile.get("ventilated", False),
            lock_ok=lock.is_locked if lock else None,
            rcd_ok=rcd.is_ok if rcd else None,
            diode_check=profile["cp"].get("diode_check", True),
        )
        if rcd:
            rcd.on_trip(evse.trip)
        relay = profile["contactor"]
        if "held" in relay:
            evse.held = hal.contact.Contact(relay["held"]).is_closed
        low_mv = self.adc.low_mv(i)
        if low_mv is not None:
            evse.front_end.tested(low_mv)
        self.evses.append(evse)
        self.contactors.append(contactor)
        self.locks.append(lock)
        self.rcds.append(rcd)

    def restart(self, kind="system"):
        """A reset of the chip: RAM is lost. One of the system releases the outputs, one of the CPU
        (twin.chip.RESETS) leaves them as they were."""
        twin_machine._timers[0].deinit()
        twin_machine._timers.clear()
        twin_machine._pins.clear()
        if not RESETS[kind][1]:
            self.board.world.release()
        self._build()

    # -- time --------------------------------------------------------------------------

    @property
    def ms(self):
        return self.clock.now_us / 1000

    def run(self, ms):
        """Let virtual time pass; the tick runs."""
        self.board.run(ms / 1000)

    def until(self, test, limit_ms, what=""):
        """Run until test(); returns the ms that took."""
        start = self.ms
        while not test():
            assert self.ms - start < limit_ms, f"seed {self.seed}: not within {limit_ms} ms {what}"
            self.run(1)
        return self.ms - start

    def stall(self, ms):
        """The interpreter is busy in a C call: nothing of the firmware runs."""
        self.clock.spend(int(ms * 1000))

    def run_stalled(self, ms):
        """Like `run`, with what the gates allow while closed: a collection of 10 ms about
        every 150 ms, and a flash program of 1 ms about every 20 ms."""
        end = self.ms + ms
        collect = self.ms + self.random.uniform(0, 60)  # the first one soon: it may hit
        while self.ms < end:
            self.run(self.random.uniform(1, 40))
            self.stall(PROGRAM_MS)
            if self.ms >= collect:
                self.stall(GC_MS)
                collect = self.ms + self.random.uniform(100, 200)

    def wait(self, coro):
        """Run a coroutine of hal (self-test, lock) with virtual time passing in its sleeps."""
        return asyncio.run(self._wait(coro))

    async def _wait(self, coro):
        task = asyncio.ensure_future(coro)
        before = asyncio.sleep

        async def sleep(seconds, result=None):
            self.run(seconds * 1000)
            await before(0)
            return result

        asyncio.sleep = sleep
        try:
            return await task
        finally:
            asyncio.sleep = before

    # -- scenes ------------------------------------------------------------------------

    def do(self, what, **more):
        return self.board.do(what, **more)

    def ready(self, letter="B"):
        """An EV is there, plug locked, RCD tested."""
        if not self.ev.plugged:
            self.do("plug")
        if letter != "B":
            self.do("request")
        self.until(lambda: self.evse.plugged, 500, "plugged")
        if self.lock:
            assert self.wait(self.lock.lock())
        if self.rcd:
            assert self.wait(self.rcd.self_test())

    def charge(self, ma=16000):
        """From nothing to a closed contactor and current."""
        self.ready()
        self.evse.permit(ma)
        self.until(lambda: self.evse.pwm, 6000, "PWM")
        self.do("request")
        self.until(lambda: self.outlet.contactor.closed, 3000, "closed")
        self.run(self.random.uniform(50, 70))

    def finely(self):
        """From now on every conversion is computed, with the slopes of the square wave."""
        SEAM.by_sample = True

    def times(self, what, since=0):
        """[(ms, value)] of one kind in the twin's history."""
        return [(t, v) for t, v in self.board.times(what) if t >= since]


hal, SEAM = _load_hal()
