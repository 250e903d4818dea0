# A thousand sessions without a reboot, on the electrical side alone, in virtual time.
# MIT license; part of microevse
"""hal, tick and state machine over the virtual chip of a MicroPython version. In each session
the contactor opens in time; at the end clock, tick and watchdogs must be alive.

MicroPython 1.26 to 1.29 stop the chip's clock and its task watchdog when one timer has been
initialised 255 times (docs/chip.md): with two inits in each session that was the 127th."""

import time
from random import Random

from rig import Rig
from twin import twin_state
from twin.host import load_board

# A contactor that closes more often, over many plug-ins, is kept open after the hundredth
# (lib/iec61851/closings.py).
PERIOD_MS = 15500
SKIP_MS = 500  # of the idle time between two sessions ticks are left out
OPEN_MS = 100  # S2 or the plug to open contacts: IEC 61851-1 table 7
CHARGE_MS = 400


class Plug:
    """One connector of the rig, and its car."""

    def __init__(self, rig, index):
        self.rig = rig
        self.number = index + 1
        self.evse = rig.evses[index]
        self.lock = rig.locks[index]
        self.outlet = rig.board.world.outlets[self.number]

    def do(self, what, **more):
        self.rig.do(what, connector=self.number, **more)

    def _wait(self, test, limit_ms, what):
        begin = self.rig.ms
        while not test():
            assert self.rig.ms - begin < limit_ms, "not within %d ms: %s" % (limit_ms, what)
            self.rig.run(10)

    def arrive(self):
        self.do("plug")
        self._wait(lambda: self.evse.plugged, 500, "plugged")
        rcd = self.rig.rcds[self.number - 1]
        assert rcd is None or self.rig.wait(rcd.self_test()), "RCD"
        assert self.lock is None or self.rig.wait(self.lock.lock()), "lock"
        self.evse.permit(16000)
        self._wait(lambda: self.evse.pwm, 6000, "PWM")
        self.do("request")
        self._wait(lambda: self.outlet.contactor.closed, 5000, "closed")

    def leave(self, pull):
        """Let go, or pull the plug where no lock holds it; ms until the contacts are open."""
        pull = pull and self.lock is None
        self.do("unplug" if pull else "release")
        took = self.rig.until(lambda: not self.outlet.contactor.closed, 1000, "open")
        if self.lock is not None:
            assert self.rig.wait(self.lock.unlock()), "unlocked"
        if not pull:
            self.do("unplug")
        else:
            self.evse.reset_closings()  # so many that are pulled under load wait for a person
        self.evse.forbid()
        return took


def sessions(
    count, board="esp32_devkitc", connectors=1, version="1.26", seed=1, rtc_watchdog=True
):
    """Run `count` sessions; {"s": virtual seconds, "worst_ms", "closes", "bite_s"}. AssertionError
    with the number of the session in which something was wrong."""
    random = Random(seed)
    options = {"micropython": version, "connectors": connectors, "rtc_watchdog": rtc_watchdog}
    with Rig(seed, board=load_board(board), skip_ms=SKIP_MS, **options) as rig:
        twin_state.settled = lambda: all(evse.quiet for evse in rig.evses)
        try:
            return _sessions(rig, count, random)
        finally:
            twin_state.settled = None


def _sessions(rig, count, random):
    plugs = [Plug(rig, i) for i in range(len(rig.evses))]
    worst = 0
    for number in range(1, count + 1):
        what = "session %d, seed %d" % (number, rig.seed)
        begin = rig.ms
        try:
            for plug in plugs:
                plug.arrive()
            rig.run(CHARGE_MS)
            random.shuffle(plugs)
            for plug in plugs:
                took = plug.leave(random.random() < 0.5)
                worst = max(worst, took)
                assert took <= OPEN_MS, "open after %d ms" % took
            rig.run(begin + random.uniform(PERIOD_MS, PERIOD_MS + 2000) - rig.ms)
            _alive(rig)
        except AssertionError as exc:
            raise AssertionError("%s: %s" % (what, exc)) from exc
        except twin_state.Reset as exc:
            raise AssertionError("%s: reset, %s" % (what, exc.kind)) from exc
    closes = sum(plug.outlet.contactor.closes for plug in plugs)
    assert closes == count * len(plugs)
    seconds = rig.ms / 1000
    return {"s": seconds, "worst_ms": worst, "closes": closes, "bite_s": _bite(rig, plugs)}


def _alive(rig):
    clock = rig.clock
    before, now = clock.virtual_now_us(), clock.now_us
    looks = rig.tick.overruns, rig.tick.failures
    rig.run(50)
    assert clock.virtual_now_us() - before == clock.now_us - now, "the clock stands still"
    assert looks == (rig.tick.overruns, rig.tick.failures), rig.tick.last_error


def _bite(rig, plugs):
    """Seconds from a hang with closed contactors to the reset that ends it."""
    for plug in plugs:
        plug.arrive()
    rig.run(CHARGE_MS)
    begin = rig.ms
    rig.board.happens("hang")
    try:
        rig.run(20000)
    except twin_state.Reset:
        took = (rig.ms - begin) / 1000
        assert took < 2, "the watchdog needs %.1f s" % took
        return took
    raise AssertionError("no watchdog bites")


def told(count, **more):
    """`sessions`, printed."""
    begin = time.monotonic()
    found = sessions(count, **more)
    words = ", ".join("%s %s" % item for item in sorted(more.items()))
    print(
        "%d sessions, %s: %.1f h, worst opening %d ms, %d closings, a hang ends after %.2f s"
        " (%.0f s real)"
        % (count, words, found["s"] / 3600, found["worst_ms"], found["closes"], found["bite_s"],
           time.monotonic() - begin)
    )  # fmt: skip
    return found
