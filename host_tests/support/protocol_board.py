# Two virtual chips on serial lines: a charger under test, and the second ESP32 that watches it.
# MIT license; part of microevse
"""`DeviceUnderTest` is the twin behind a line with the raw prompt: real boot.py, resets by the
twin's chip model, the text of the ROM, pins over the twin's circuit.

`Witness` is another MicroPython on another line. The program that runs there is the one that runs
on a chip. Its pins show what the first board's pins have done, at the times of the first board's
world: it sees a moment when the first board's time has gone past it. So a test shows that runner,
both programs and the line agree on what is measured; it shows nothing about silicon, and nothing
about how two crystals differ.
"""

import asyncio
import bisect
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading

from fakeboard.line import Network, Terminal
from rawprompt import MARK
from tools_paths import ROOT, SUPPORT, tool
from twin.host import Twin

PROMPT = SUPPORT / "protocol_prompt"
# What the ROM prints, by the kind of reset (twin/chip.py RESETS); a panic prints before it.
ROM_CAUSES = {
    "power": "rst:0x1 (POWERON_RESET)",
    "brownout": "rst:0xf (RTCWDT_BROWN_OUT_RESET)",
    "cpu": "rst:0xc (SW_CPU_RESET)",
    "panic": "rst:0xc (SW_CPU_RESET)",
    "twdt": "rst:0xc (SW_CPU_RESET)",
    "system": "rst:0x3 (SW_RESET)",
    "rwdt": "rst:0x9 (RTCWDT_SYS_RESET)",
    "rwdt_cpu": "rst:0xd (RTCWDT_CPU_RESET)",
    "rwdt_rtc": "rst:0x10 (RTCWDT_RTC_RESET)",
}
PANICS = {
    "panic": "Guru Meditation Error: Core  1 panic'ed (LoadProhibited).",
    "twdt": "E (1234) task_wdt: Task watchdog got triggered.",
}
# How far the first board's time may be ahead of the witness's while that works the switch.
STEP_US = 400000
# With an active relay the board's time goes on by this much at most until something happens to it:
# virtual time would run through a minute's watchdog while a person takes the power away.
HOLD_US = 30000000
# The resets that touch no pin.
KEPT = ("cpu", "panic", "twdt", "rwdt_cpu", "soft")


class _Loop:
    """An asyncio loop in a thread of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coro, seconds=60):
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(seconds)

    def call(self, fn, *args):
        self._loop.call_soon_threadsafe(fn, *args)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class _Input:
    """Bytes from the serial line to a child that connects to `.port`; kept while none is there,
    as a UART's buffer keeps them."""

    def __init__(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self._sock = None
        self._kept = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                self._sock = sock
                kept, self._kept = self._kept, b""
                with contextlib.suppress(OSError):
                    sock.sendall(kept)

    def send(self, data):
        with self._lock:
            if self._sock is None:
                self._kept += data
                return
            with contextlib.suppress(OSError):
                self._sock.sendall(data)

    def lost(self):
        """The child has gone: a UART is emptied by a reset."""
        with self._lock:
            if self._sock:
                self._sock.close()
            self._sock, self._kept = None, b""

    def close(self):
        self._server.close()
        self.lost()


class Trace:
    """What the pins of the first board have done: the relay's level, the pilot's wave."""

    def __init__(self, active_high=True):
        self._lock = threading.Condition()
        self._on = active_high
        self._idle = 0 if active_high else 1  # of the pull that a witness has
        self._relay = [(0, self._idle)]  # (us, level)
        self._wave = [(0, None)]  # (us, duty in percent; None: nothing drives it)
        self._gone = []  # when floating outputs were released
        self.now_us = 0

    def event(self, event):
        t_us = round(event.get("t", 0) * 1e6)
        with self._lock:
            if event["event"] == "relay" and event.get("connector", 1) == 1:
                self._relay.append((t_us, 1 if bool(event["value"]) == self._on else 0))
            elif event["event"] == "duty" and event.get("connector", 1) == 1:
                self._wave.append((t_us, event["value"]))
            elif event["event"] == "reboot" and event.get("kind", "soft") not in KEPT:
                self._release(t_us)
            elif event["event"] == "power" and not event["on"]:
                self._release(t_us)
            self._passed(t_us)

    def _release(self, t_us):
        self._relay.append((t_us, self._idle))
        self._wave.append((t_us, None))

    def _passed(self, t_us):
        self.now_us = max(self.now_us, t_us)
        self._lock.notify_all()

    def passed(self, t_us):
        with self._lock:
            self._passed(t_us)

    def piece(self, after_us, wait_s):
        """(end_us, relay edges, wave edges) from `after_us` on, as soon as there is any; the first
        of each is what holds at `after_us`. None after `wait_s` of the host's time."""
        with self._lock:
            if not self._lock.wait_for(lambda: self.now_us > after_us, wait_s):
                return None
            return self.now_us, self._from(self._relay, after_us), self._from(self._wave, after_us)

    @staticmethod
    def _from(edges, after_us):
        at = bisect.bisect_right([t for t, _ in edges], after_us)
        return edges[max(0, at - 1) :]


class _Twin(Twin):
    """Tells the trace how far its time has gone, and lets it go on only so far as is allowed."""

    trace = None
    OPEN_US = 1 << 60

    def _on_message(self, message):
        super()._on_message(message)
        if self.trace:
            self.trace.passed(self._now_us)

    def allow(self, until_us):
        """Time may go on until then; None: without a bound."""
        self._horizon = self.OPEN_US if until_us is None else until_us
        self._go()


class DeviceUnderTest:
    """The twin behind `.port`. lines: with reset lines (RFC 2217), else a pseudo terminal.

    machine: what sys.implementation calls the chip. boot: a boot.py in place of the real one.
    starts: the application runs behind boot.py, as on a charger. fidelity: "analytic" computes the
    pilot's windows, which is faster; then no single conversion can be asked for.
    """

    def __init__(self, board="esp32_devkitc", lines=False, micropython="1.28",
                 machine="Virtual board with ESP32", boot=None, starts=False, folder=None,
                 settings=None, fidelity="sample", **options):  # fmt: skip
        self._loop = _Loop()
        self._input = _Input()
        self._busy = self._starts = starts
        self._cut = self._en_low = self._raw = False
        self.boots = []
        firmware = [PROMPT, *([folder] if boot is not None else [])]
        if boot is not None:
            (pathlib.Path(folder) / "boot.py").write_text(boot)
        firmware += [ROOT / "firmware", ROOT / "lib"]
        options.update(
            serial=self._input.port, support=str(SUPPORT), micropython=micropython, machine=machine
        )
        if starts:
            options["starts"] = str(ROOT / "firmware" / "main.py")
        self.twin = _Twin(
            board=board, speed=0, fidelity=fidelity, log=self._log, options=options,
            firmware=firmware, gated=True, settings=settings,
        )  # fmt: skip
        self._s2_us = 0
        self._held, self._until_us = False, None
        cfg = self.twin.board["connectors"][0]
        self.trace = Trace(cfg["contactor"].get("active_high", True))
        self.twin.listeners.append(self._event)
        self._line = Network(self._heard, self._pins) if lines else Terminal(self._heard)
        self.port = self._line.port
        self._loop.run(self._start())

    async def _start(self):
        await self.twin.start()
        self.twin._horizon = self.twin.OPEN_US
        self.twin._go()
        self.twin.trace = self.trace

    def close(self):
        self._loop.run(self.twin.stop())
        self._line.close()
        self._input.close()
        self._loop.close()

    def command(self, **cmd):
        """A command of the control port."""
        answer = self._loop.run(self.twin.command(cmd))
        assert answer["ok"], answer
        return answer

    def switch(self, on):
        """S2 of the simulated car, and when it has moved (us)."""
        with contextlib.suppress(AssertionError):  # no car is there
            self.command(do="request" if on else "release")
        return self._s2_us

    def allow(self, until_us):
        self._until_us = until_us
        self._loop.call(self.twin.allow, until_us)

    def coarser(self):
        """From the next start on the pilot's windows are computed, not sampled: much faster."""
        self.twin._fidelity = "analytic"

    def happens(self, what, **more):
        self._loop.run(self.twin.chip(what, **more))

    def relay(self):
        """Whether the relay's pin is active just now, by the circuit."""
        with self.trace._lock:
            return self.trace._relay[-1][1] != self.trace._idle

    def power_cut(self):
        self._loop.run(self.twin.power_cut(1))

    def left_alone(self, seconds):
        """Nobody talks to the chip any more, and so much of its time passes: at a prompt virtual
        time stands still, so it sleeps there."""
        self._held = False
        self.allow(None)
        self._input.send(b"import time\ntime.sleep_ms(%d)\x04" % (seconds * 1000))

    def cut(self):
        """The serial line is pulled: nothing passes any more."""
        self._cut = True

    def _event(self, event):
        what = event["event"]
        kind = event.get("kind")
        if what == "reboot" and kind:
            if kind in PANICS:
                self._say(b"\r\n%s\r\nRebooting...\r\n" % PANICS[kind].encode())
            self._busy = self._starts
            self._input.lost()
            if kind != "soft":
                self._rom(kind)
            # From the raw prompt a soft reset runs no main.py, and ends at the raw prompt.
            self.twin.change(soft_raw=kind == "soft" and self._raw)
            self._busy = self._starts and not (kind == "soft" and self._raw)
        elif what == "power":
            self._input.lost()
            if event["on"]:
                self._busy = self._starts
                self.twin.change(soft_raw=False)
                self._rom("power")
        if what == "relay" and event["value"] and self._until_us is None:
            self._held = True
            self.allow(round(event["t"] * 1e6) + HOLD_US)
        elif self._held and what in ("relay", "reboot", "power"):
            self._held = False
            self.allow(None)
        if what == "s2":
            self._s2_us = round(event["t"] * 1e6)
        if what in ("reboot", "relay", "duty", "power"):
            self.trace.event(event)

    def _rom(self, kind):
        self.boots.append(kind)
        text = "ets Jul 29 2019 12:21:46\r\n\r\n%s,boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
        self._say((text % ROM_CAUSES[kind]).encode())

    def _log(self, line):
        before, mark, rest = line.partition(MARK)
        if before:
            self._say(before.encode() + (b"" if mark else b"\r\n"))
        elif not mark:
            self._say(b"\r\n")
        if mark:
            told = json.loads(rest)
            self.trace.passed(told["t"])
            if told["text"].startswith("\x04"):
                self._busy = False
            elif told["text"] == "OK":
                self._busy = True
            elif told["text"].endswith(("REPL; CTRL-B to exit\r\n>", ">>> ")):
                self._busy = False
                self._raw = not told["text"].endswith(">>> ")
            self._say(told["text"].encode())

    def _say(self, data):
        if not self._cut:
            self._line.write(data)

    def _heard(self, data):
        if self._cut:
            return
        if b"\x03" in data and self._busy:
            with contextlib.suppress(Exception):
                self.happens("error", name="KeyboardInterrupt")
            data = data[data.rindex(b"\x03") + 1 :]
        if data:
            self._input.send(data)

    def _pins(self, dtr, rts):
        low, self._en_low = self._en_low, rts and not dtr
        if self._en_low and not low:
            self._loop.run(self.twin.power_cut(0.1))


class Witness:
    """The second ESP32. `s2`: its pin that closes the switch of the simulated car."""

    def __init__(self, watched, relay, pilot, s2=None):
        self._input = _Input()
        self._watched = watched
        self._line = Terminal(self._heard)
        self.port = self._line.port
        self._pins = {relay: "relay", pilot: "pilot", s2: "s2"}
        self._server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        about = json.dumps(
            {
                "serial": self._input.port,
                "world": self._server.getsockname()[1],
                "support": str(SUPPORT),
                "relay": relay,
                "pilot": pilot,
                "s2": s2,
            }
        )
        self._process = subprocess.Popen(
            [tool("micropython"), str(SUPPORT / "protocol_witness.py"), about],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "MICROPYPATH": ".frozen"},
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._line.close()
        self._input.close()
        self._server.close()

    def _heard(self, data):
        self._input.send(data)

    def _read(self):
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip("\r\n")
            before, mark, rest = line.partition(MARK)
            text = before + ("" if mark else "\r\n")
            if mark:
                text += json.loads(rest)["text"]
            with contextlib.suppress(OSError):
                self._line.write(text.encode())

    def _serve(self):
        """Questions of the witness's pins: {"after": us} or {"s2": level}."""
        with contextlib.suppress(OSError, ValueError):
            sock, _ = self._server.accept()
            with sock, sock.makefile("rwb") as file:
                for line in file:
                    asked = json.loads(line)
                    if asked.get("step"):
                        # While it works the switch the two go on in step.
                        self._watched.allow(asked["step"] + STEP_US)
                    if "after" in asked:
                        answer = self._watched.trace.piece(asked["after"], 0.5)
                    elif "s2" in asked:
                        answer = self._watched.switch(asked["s2"])
                    else:
                        self._watched.allow(None)
                        answer = self._watched.trace.now_us
                    file.write(json.dumps(answer).encode() + b"\n")
                    file.flush()
