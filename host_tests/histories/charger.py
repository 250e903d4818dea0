# The charger without its network: tick, state machines, station, protection and supervisor.
# MIT license; part of microevse
"""`Charger`: firmware/hal, firmware/electrical.py, lib/iec61851 and lib/station on a virtual
board, put together as firmware/app.py does it, with resets and starts."""

import contextlib
import sys

import log
import port
import rig as rigs
from clock import Clock
from station.authorization import Authorizer
from station.settings import Settings
from station.station import Station
from store import norlog
from store.journal import Journal
from store.ramflash import RamFlash
from supervisor import Supervisor
from twin import twin_state
from twin_bench import Board
from twin_bench import burst as computed

from . import fitted
from .loop import Loop
from .sampler import Sampler

hal, SEAM, machine = rigs.hal, rigs.SEAM, rigs.twin_machine

log.use_sink(lambda line: None)

# What the start of the program takes: from a crash to boot.py, and from there to the tick.
BOOT_MS = (600, 1000)
POWER_ON_MS = (400, 600)
START_MS = (1500, 3000)
LOOP_LIMIT_MS = 5000
STATION_LIMIT_MS = 10000
_SKIP_MS = 200

CPU, SYSTEM = "cpu", "system"  # a reset that keeps the pins, and one that lets them float


@contextlib.contextmanager
def hal_names():
    """`import hal` finds the modules that stand over the twin."""
    names = {"hal": hal, "machine": machine, "burst": SEAM}
    names.update(("hal." + name, getattr(hal, name)) for name in rigs.HAL)
    kept = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    try:
        yield
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


with hal_names():
    import electrical

_loop = Loop()


class Charger:
    """Use as a context manager. After a reset by the firmware or by `reset()` it starts again."""

    def __init__(self, seed, guard="none", connectors=1, socket=True, mirror=True):
        options, residual = rigs.corner(seed)
        options["skip_ms"] = _SKIP_MS
        self.profile = fitted.board(guard, connectors, socket, mirror)
        for connector in self.profile["connectors"]:
            connector["cp"]["cal"] = rigs._calibration(options, residual)
        self.guarded = guard != "none"
        self.bench = Board(
            board=self.profile, seed=seed, connectors=connectors, guard=guard,
            fidelity="sample", history=4000, **options
        )
        self.board = self.bench.board
        self.world = self.bench.world
        self.twin_clock = self.bench.clock
        self.outlets = [self.world.outlets[n + 1] for n in range(connectors)]
        self.meter_parts = [fitted.Meter(outlet) for outlet in self.outlets]
        self.random = rigs.Random(seed)
        self.sampler = Sampler(self.world, SEAM.real.sample, computed._window, self.random.random)
        self.frozen_us = None  # what the firmware's clock shows while it stands still
        self.lost_us = 0
        self.runs = False  # the program runs
        self.reset_us = None  # since when it does not, for a reset that keeps the pins
        self.resets = []  # (ms, kind)
        self.on_built = []  # fn(): the program has been put together anew
        self.boot = 0
        self.free = True
        self.flash = RamFlash(blocks=16)
        norlog.format(self.flash)

    def __enter__(self):
        self._before = port._now_us, SEAM.__dict__.get("sample"), twin_state.on_reset
        rigs.Rig.now_running = _Runs(self)
        port.use_clock(self._firmware_now)
        SEAM.sample = self.sampler.sample
        twin_state.on_reset = self._on_reset
        computed._state = None
        _loop.attach(self.twin_clock, self._firmware_us, lambda: self.frozen_us is None)
        self._start()
        return self

    def __exit__(self, *exc):
        self._dead()
        _loop.forget_tasks()
        port.use_clock(self._before[0])
        del SEAM.sample
        twin_state.on_reset = self._before[2]

    # -- time --------------------------------------------------------------------------

    @property
    def ms(self):
        return self.twin_clock.now_us / 1000

    def _firmware_us(self):
        if self.frozen_us is not None:
            return self.frozen_us
        return self.twin_clock.virtual_now_us() - self.lost_us

    def _firmware_now(self):
        self.twin_clock.entered()
        return self._firmware_us()

    def stop_clock(self, on):
        """ticks_ms() stands still, and what waits on it."""
        if on and self.frozen_us is None:
            self.frozen_us = self._firmware_us()
        elif not on and self.frozen_us is not None:
            self.lost_us = self.twin_clock.virtual_now_us() - self.frozen_us
            self.frozen_us = None

    @property
    def loop(self):
        return _loop

    def run(self, ms):
        """Let time pass; what the firmware resets starts again."""
        clock = self.twin_clock
        end_us = clock.now_us + int(ms * 1000)
        while clock.now_us < end_us:
            if not self.runs:
                clock.run_to(end_us)
                return
            try:
                _loop.run_to(end_us)
            except twin_state.Reset:
                pass
            if not self.runs:
                self._restart()

    def stall(self, ms):
        """The interpreter is inside a C call: nothing of the firmware runs."""
        try:
            self.twin_clock.spend(int(ms * 1000))
        except twin_state.Reset:
            self._restart()

    # -- resets ------------------------------------------------------------------------

    def _dead(self):
        """From here on nothing of the old program reaches a pin."""
        self.runs = False
        self.world.drive = lambda pin, level: None
        for pilot in self.world.pilots.values():
            pilot.pwm = lambda duty, freq: None

    def _on_reset(self, cause):
        if self.runs:
            self._dead()
            self._kind = SYSTEM if cause in (twin_state.PWRON_RESET,) else CPU
            self._cause = cause

    def reset(self, kind, cause=twin_state.HARD_RESET, off_ms=0):
        """A reset that the firmware did not ask for. off_ms: the board has no supply so long."""
        self._dead()
        self._kind, self._cause = kind, cause
        self._restart(off_ms)

    def _restart(self, off_ms=0):
        """From the reset to the running program."""
        world, clock = self.world, self.twin_clock
        self.resets.append((self.ms, self._kind))
        _loop.forget_tasks()
        _loop.stuck = False
        for timer in machine._timers.values():
            timer.deinit()
        machine._timers.clear()
        if machine._wdt is not None:
            clock.cancel(machine._wdt._event)
            machine._wdt = None
        machine._pins.clear()
        world.watch.clear()
        clock._soft.clear()
        clock._delivering = False
        del world.drive
        for pilot in world.pilots.values():
            del pilot.pwm
        for again in list(self.on_built):
            again()
        if self._kind == SYSTEM:
            for pin in list(world.levels):
                world.drive(pin, None)
            for pilot in world.pilots.values():
                pilot.steady(None)
        if off_ms:
            world.power(False)
            clock.run_to(clock.now_us + int(off_ms * 1000))
            world.power(True)
        self.reset_us = clock.now_us if self._kind == CPU else None
        low, high = BOOT_MS if self._kind == CPU else POWER_ON_MS
        clock.run_to(clock.now_us + int(1000 * self.random.uniform(low, high)))
        clock.boot_us = clock.now_us
        self.frozen_us, self.lost_us = None, 0
        self.boot_py()
        self.reset_us = None
        clock.run_to(clock.now_us + int(1000 * self.random.uniform(*START_MS)))
        self._start()

    def boot_py(self):
        """What boot.py does to the pins."""
        for connector in self.board["connectors"]:
            hal.contactor.Contactor(connector["contactor"]).open()

    # -- the program -------------------------------------------------------------------

    def _start(self):
        twin_state.reset_cause = getattr(self, "_cause", twin_state.PWRON_RESET)
        self.boot += 1
        with hal_names():
            self._build()
        self.runs = True
        task = _loop.create_task(self._start_tasks())
        self.run(0.01)
        if task.done():
            task.result()

    def _build(self):
        """As the constructor of app.Charger."""
        board = self.board
        count = len(board["connectors"])
        hal.contactor.before_close(None)
        self.clock = Clock()
        self.clock.boot = self.boot
        self.clock.set(1798804800)
        self.supervisor = Supervisor(self.clock)
        self.journal = Journal(norlog.NorLog(self.flash), self.clock)
        self.journal.prepare()
        self.settings = Settings(self.journal)
        self.settings.overlay(
            {"FreeMode": "true" if self.free else "false", "ResumeRandomDelay": "0"}
        )
        self.watchdog = hal.watchdog.Watchdog()
        self.adc = hal.adc.PilotAdc(board)
        self.locks = [electrical.lock(c) for c in board["connectors"]]
        self.rcds = [electrical.rcd(c) for c in board["connectors"]]
        self.mirrors = [electrical.poles(c) for c in board["connectors"]]
        self.evses = [electrical.evse(self, i) for i in range(count)]
        self.tick = hal.tick.Tick(
            self.adc, self.evses, self.watchdog, self.supervisor.alive, electrical.guarded(board)
        )
        self.authorizer = Authorizer(self.settings, self.journal, self.clock)
        self.station = Station(
            self.settings, self.journal, self.clock, self.authorizer, self._reset_asked
        )
        for i, profile in enumerate(board["connectors"]):
            self.station.add(
                self.evses[i], self.meter_parts[i], self.locks[i], self.rcds[i], profile,
                self._cable(i) if "pp" in profile else None,
            )
        self.protections = electrical.protections(self)
        for fn in self.on_built:
            fn()

    def _cable(self, i):
        return lambda: self.adc.cable_ma(i)

    def _reset_asked(self, kind):
        machine.reset()

    async def _start_tasks(self):
        """As app.Charger.start(), without the network."""
        self.station.recover("PowerUp")
        self.tick.start()
        supervisor = self.supervisor
        for connector in self.station.connectors:
            supervisor.start("connector %d" % connector.id, connector.run)
            supervisor.start("meter %d" % connector.id, connector.metering.run)
        for guard in self.protections:
            supervisor.start("protection", guard.run)
        supervisor.watch("loop", LOOP_LIMIT_MS)
        supervisor.start("loop", self._beat)

    async def _beat(self):
        import asyncio

        while True:
            if self.station.oldest_beat_ms() < STATION_LIMIT_MS:
                self.supervisor.beat("loop")
            await asyncio.sleep(1)


class _Runs:
    """What the hal's sleep_ms takes its clock from."""

    def __init__(self, charger):
        self.board = charger.bench
