# The charger without its network: tick, state machines, station, protection and supervisor.
# MIT license; part of microevse
"""`Charger`: firmware/hal, boot.py, electrical.py, lib/iec61851 and lib/station on a virtual
board, put together as firmware/app.py does it, with resets and starts as the chip has them."""

import pathlib
import sys
import types

import evse_base as port
import rig as rigs
from store import norlog
from store.ramflash import RamFlash
from twin import chip as chips
from twin import twin_state
from twin_bench import Board
from twin_bench import burst as computed

from . import fitted
from .loop import Loop
from .program import SEAM, Nvs, Program, hal, hal_names, machine
from .sampler import Sampler

BOOT_PY = pathlib.Path(__file__).resolve().parent.parent.parent / "firmware" / "boot.py"
BOOT = compile(BOOT_PY.read_text(), str(BOOT_PY), "exec")

IMPORTS_MS = (1500, 3000)  # from boot.py to the first tick: the application's modules
_SKIP_MS = 200


_loop = Loop()


class Charger(Program):
    """Use as a context manager. After a reset by the firmware or by `reset()` it starts again.

    `on_reset`, `on_built`: fn() lists, called when the program has ended and when it has been
    put together anew.
    """

    def __init__(self, seed, guard, connectors, socket, mirror, version="1.28", adc_error=None):
        options, residual = rigs.corner(seed)
        options.update(skip_ms=_SKIP_MS, micropython=version, history=4000)
        if adc_error is not None:
            options["adc_error_as"] = adc_error
        profile = fitted.board(guard, connectors, socket, mirror)
        for connector in profile["connectors"]:
            connector["cp"]["cal"] = rigs._calibration(options, residual)
        self.guarded = guard != "none"
        self.bench = Board(
            board=profile, seed=seed, connectors=connectors, guard=guard,
            fidelity="sample", **options
        )  # fmt: skip
        self.board = self.bench.board
        self.world = self.bench.world
        self.twin_clock = self.bench.clock
        self.outlets = [self.world.outlets[n + 1] for n in range(connectors)]
        self.meter_parts = [fitted.Meter(outlet) for outlet in self.outlets]
        self.random = rigs.Random(seed)
        self.sampler = Sampler(self.world, SEAM.real.sample, computed._window)
        self.loop = _loop
        self.runs = False  # the program runs
        self.kept_us = None  # since when it does not, where the pins are as they were
        self.resets = []  # (ms, kind)
        self.on_reset = []
        self.on_built = []
        self.files = True  # board.json can be read
        self.flash = RamFlash(blocks=16)
        norlog.format(self.flash)
        self._boots = 0
        self._kind = "power"

    def __enter__(self):
        self._before = port._now_us, twin_state.on_reset, twin_state.settled
        self._load = hal.board.load
        rigs.Rig.now_running = types.SimpleNamespace(board=self.bench)
        port.use_clock(self._firmware_now)
        SEAM.sample = self.sampler.sample
        SEAM.left_out = computed.left_out
        hal.board.load = self._board_file
        hal.board._chip = None
        twin_state.on_reset = self._reset_by_chip
        twin_state.settled = self._settled
        Nvs.kept = {}
        clock = self.twin_clock
        _loop.attach(clock, clock.virtual_now_us, lambda: clock.stopped_us is None)
        self._boot_py()
        self._start()
        return self

    def __exit__(self, *exc):
        self._dead()
        _loop.forget_tasks()
        port.use_clock(self._before[0])
        del SEAM.sample, SEAM.left_out
        hal.board.load = self._load
        hal.board._chip = None
        hal.system._last = None
        sys.modules.pop("outputs", None)
        _, twin_state.on_reset, twin_state.settled = self._before

    def _board_file(self, path="board.json"):
        if not self.files:
            raise OSError(5, "EIO")
        hal.board._chip = self.board["chip"]
        return self.board

    # -- time --------------------------------------------------------------------------

    @property
    def ms(self):
        return self.twin_clock.now_us / 1000

    def _firmware_now(self):
        self.twin_clock.entered(False)
        return self.twin_clock.virtual_now_us()

    def _settled(self):
        # Ticks that are left out count as ticks that feed the watchdogs.
        return self.supervisor.alive() and all([evse.quiet for evse in self.evses])

    def run(self, ms):
        """Let time pass; after a reset by the firmware the program starts again."""
        clock = self.twin_clock
        end_us = clock.now_us + int(ms * 1000)
        while clock.now_us < end_us:
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
        """The old program can no longer reach a pin."""
        self.runs = False
        _loop.until = 0
        self.world.drive = lambda pin, level: None
        for pilot in self.world.pilots.values():
            pilot.pwm = lambda duty, freq: None

    def _reset_by_chip(self, kind):
        if self.runs:
            self._dead()
            self._kind = kind

    def reset(self, kind, off_ms=0):
        """A reset that the firmware did not ask for: one of twin.chip.RESETS. off_ms: the board
        has no supply for so long."""
        self._dead()
        self._kind = kind
        self._restart(off_ms)

    def _restart(self, off_ms=0):
        """From the reset to the running program."""
        world, clock, kind = self.world, self.twin_clock, self._kind
        cause, keeps, memory, _ = chips.RESETS[kind]
        self.resets.append((self.ms, kind))
        _loop.forget_tasks()
        _loop.stuck = False
        state = self._chip_ends(kind)
        del world.drive
        for pilot in world.pilots.values():
            del pilot.pwm
        for fn in self.on_reset:
            fn()
        self.kept_us = clock.now_us if keeps else None
        if not keeps:
            world.release()
        if not memory:
            twin_state.rtc_memory = bytearray()
        if off_ms:
            world.power(False)
            clock.run_to(clock.now_us + int(off_ms * 1000))
            world.power(True)
            state = None
        self.bench.chip = twin_state.chip = chips.Chip(state)
        clock.boot_us = clock.now_us
        try:
            self.bench.chip.begin(kind, lambda us: clock.run_to(clock.now_us + us))
        except twin_state.Reset as again:
            # A watchdog of the chip that runs on over this reset has bitten meanwhile.
            self.reset(again.args[0])
            return
        twin_state.reset_cause = cause
        self._boot_py()
        clock.run_to(clock.now_us + int(1000 * self.random.uniform(*IMPORTS_MS)))
        self._start()

    def _chip_ends(self, kind):
        """Keep the part of the chip's state that outlasts the reset; its running events are
        over."""
        clock = self.twin_clock
        chip = twin_state.chip
        state = chip.state(kind)
        for part in (chip.rwdt, chip.twdt):
            clock.cancel(part._event)
        for timer in machine._timers.values():
            timer.deinit()
        for table in (machine._timers, machine._pins, self.world.watch):
            table.clear()
        self.world.on_touch[:] = [fn for fn in self.world.on_touch if not _is_timer(fn)]
        machine._wdt = None
        clock._soft.clear()
        clock._delivering = clock.stuck = False
        clock.errors.clear()
        clock.stopped_us = None
        clock.stall_us = 0
        return state

    def _boot_py(self):
        """boot.py itself, with or without a board file."""
        sys.modules.pop("outputs", None)
        hal.board._chip = hal.system._last = None
        hal.system._loops = 0
        with hal_names():
            exec(BOOT, {"__name__": "__main__"})

    # -- the program -------------------------------------------------------------------

    def _start(self):
        self._boots += 1
        with hal_names():
            self._build()
        self.kept_us = None
        self.runs = True
        for fn in self.on_built:
            fn()
        task = _loop.create_task(self._start_tasks())
        self.run(0.01)
        if task.done() and not task.cancelled() and task.exception():
            raise task.exception()

    def person_resets(self):
        """A person has checked the charger and lets it charge again."""
        for connector in self.station.connectors:
            connector.sequence.reset_faults()
            connector.evse.reset_closings()


def _is_timer(fn):
    return isinstance(getattr(fn, "__self__", None), machine.Timer)
