# The child process: becomes the virtual board and runs the firmware on it, unmodified.
# MIT license; part of microevse
"""usage: micropython [-X heapsize=N] run.py '{"link": port, "token": "..."}'

Everything else comes over the link to the parent (host.py), as the first message.
"""

import gc
import json
import sys

MICROPYTHON = sys.implementation.name == "micropython"
try:
    # Only in the interpreters of tools/frozen.py.
    import chipheap as chip_heap
except ImportError:
    chip_heap = None

BUILT_IN = []  # names of the chip's own modules
# Subtype of the partition that MicroPython maps.
ROMFS = 0x8F
# A check of a signature on a chip: how the key's line begins, how many pieces, and microseconds of
# each. 2.6 s for P-256, 180 ms for RSA-2048 (lib/pki/p256.py, rsa.py; make bench ARGS=pki).
_SIGNATURES = ((b"p256 ", 90, 29000), (b"rsa ", 19, 9500))
# The twin makes more garbage than a chip would. Collecting as often as a chip does keeps the
# firmware's objects together; without that a large heap ends up finely fragmented.
COLLECT_EVERY = 512 * 1024


def _here():
    if MICROPYTHON:
        return sys.path[0]
    import os

    return os.path.dirname(os.path.abspath(__file__))


def _paths(here, start):
    """Where the firmware's imports are looked up, in order."""
    paths = []
    if start.get("fidelity") == "analytic":
        paths.append(here + "/analytic")
    paths.append(here + ("/modules_mpy" if MICROPYTHON else "/cpython"))
    paths.append(here + "/modules")
    if start.get("image") == "own":
        # The firmware's folders are what is frozen into the image; sys.path of the port begins
        # with the file system (py/runtime.c, mp_init()), and /lib comes last.
        paths.append("")
        paths += start["firmware"] + [".frozen", "lib"]
    else:
        paths += start["firmware"]
    if MICROPYTHON:
        if ".frozen" not in paths:
            paths.append(".frozen")
        if start.get("site") and not (start.get("rom") or start.get("frozen")):
            paths.append(start["site"])
    else:
        paths += [p for p in sys.path[1:] if p]
    # Last: the package `twin`. Not its folder, whose names the firmware uses too.
    paths.append(here.rsplit("/", 1)[0])
    return paths


def _exists(path):
    try:
        open(path).close()
        return True
    except OSError:
        return False


def _bytes(path):
    """The bytes of a ROMFS image."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        data = chip_heap.outside(size) if chip_heap else bytearray(size)
        file.readinto(data)
    return data


class _Collector:
    """The module `gc` of the firmware where the heap is not the chip's: a collection that the
    firmware asks for takes its time. Those that MicroPython makes by itself are not the chip's."""

    def __init__(self, clock):
        self._clock = clock

    def __getattr__(self, name):
        return getattr(gc, name)

    def collect(self):
        self._clock.collection()
        return gc.collect()


class Board:
    """The assembled virtual board."""

    def __init__(self, link, start):
        # Here, not at the top: the path is only now what it must be.
        import twin_state as state
        from twin.chip import RESETS, Chip
        from twin.clock import Clock
        from twin.control import Control, peer_busy, settled, snapshot
        from twin.net import TLS_MS, Net
        from twin.pace import Pacer
        from twin.system_heap import SystemHeap
        from twin.world import World

        self._snapshot = snapshot
        self.state = state
        self.link = link
        self.start = start
        clock = Clock(start["now_us"])
        if start["kind"] == "soft":
            clock.boot_us = start["boot_us"]  # the counter of esp_timer goes on
            clock.stopped_us = start["stopped_us"]
        if start.get("rtc_offset") is not None:
            clock.rtc_offset = start["rtc_offset"]
        web = start.get("web")
        net = Net(
            clock,
            tuple(web) if web else None,
            start.get("spare_port", 0),
            start.get("tls_ms", TLS_MS),
        )
        net.up = start.get("up", True)
        net.aps = start.get("aps")
        net.dns_port = start.get("dns_port", 0)
        net.restore(start.get("net", {}))
        net.on_listen = self._listening
        self.rom = start.get("rom_image")
        self.control = Control()
        pacer = Pacer(
            clock,
            net,
            link,
            start["speed"],
            start["hold"],
            start["horizon"],
            self.control.handle,
        )
        pacer.peer_busy = peer_busy
        self.pacer = pacer
        state.clock = clock
        state.net = net
        state.options = start
        state.board = start["board"]
        state.rtc_memory = bytearray(bytes.fromhex(start.get("rtc_memory", "")))
        state.reset_cause = RESETS[start["kind"]][0]
        if start["hold"]:
            self._repeatable(start["seed"] + start["now_us"])
        state.settled = settled
        state.send = self.send
        state.on_reset = self.reset
        clock.coarse = start.get("skip_ms", 0) > 1000
        image = start.get("heap_image")
        # The garbage collector of the chip's size: from here on, as all that follows is the
        # chip's.
        self.chip_heap = chip_heap if image else None
        size = start.get("gc_size")  # to measure what does not fit yet
        state.heap = SystemHeap(image or "base", self.chip_heap, bool(image), size)
        for block in start.get("taken", ()):
            state.heap.heap.take(block)  # a test that lets somebody else have it
        if self.chip_heap:
            self._divide_heap()
        else:
            state.heap.account()
        if MICROPYTHON:
            from twin import loop_mpy

            loop_mpy.install(clock)
            if self.chip_heap:
                chip_heap.as_chip(__import__, "asyncio")  # the chip's, before we look into it
            loop_mpy.patch(pacer)
        else:
            from twin import loop_cpy

            loop_cpy.patch(pacer)
            self._patch_port()
        state.world = World(start["board"], clock, start.get("world"), start["seed"], start)
        state.world.on_event = self._world_event
        clock.on_stall = state.world.on_stall
        state.chip = Chip(start.get("chip"))

    def _divide_heap(self):
        """The chip's program gets areas of its own, as large as the image gives it."""
        # Built into the chip's image: neither their code nor their names take heap there.
        names = "machine network esp32 socket time tls neopixel onewire ds18x20 os burst"
        for name in names.split():
            try:
                module = __import__(name)
            except ImportError:
                continue
            for thing in [module] + [getattr(module, entry) for entry in dir(module)]:
                if isinstance(thing, (type, type(sys))):
                    BUILT_IN.extend(dir(thing))
        heap = self.state.heap
        if not chip_heap.begin(heap.first_areas(), heap.gc_grows, heap.area_region()):
            raise MemoryError("the image's heap does not fit the chip")
        for name in BUILT_IN:
            chip_heap.in_rom(name)
        self.state.clock.heap_size = chip_heap.size
        self.state.clock.collections = chip_heap.collections

    def _repeatable(self, seed):
        """Random numbers from the seed: masks, jitter and tokens are the same next time."""
        import random

        state = [seed & 0xFFFFFFFF]

        def urandom(size):
            out = bytearray(size)
            x = state[0]
            for i in range(size):
                x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
                out[i] = x >> 24
            state[0] = x
            return bytes(out)

        random.seed(seed & 0xFFFFFFFF)
        self.state.urandom = urandom
        if not MICROPYTHON:
            import os

            os.urandom = urandom  # before lib/evse_base/__init__.py takes it from there

    def _patch_port(self):
        try:
            import evse_base as port
        except ImportError:
            return  # a program that does not use the project's libraries
        clock = self.state.clock

        def now_us():
            clock.now_us += 1  # asking costs a little: loops that poll the clock end
            clock.entered()
            return clock.virtual_now_us()

        port.use_clock(now_us)
        port.sleep_ms = lambda ms: clock.sleep(int(ms * 1000))

    # -- to the parent -------------------------------------------------------------------

    def send(self, event):
        if "t" not in event:
            event["t"] = self.state.clock.now_us / 1000000
        self.link.send(event)

    def _world_event(self, event):
        # Outside they have the names of the control port's `status`.
        event["event"] = {"contact": "contactor", "plugged": "plug"}.get(
            event["event"], event["event"]
        )
        self.send(event)

    def _listening(self, port, host, real):
        self.send({"event": "listen", "port": port, "address": [host, real]})

    def reset(self, kind):
        """Hand the state over and wait to be killed."""
        self.control.ballast = None  # the state is a large piece of text
        if kind == "soft":
            self.state.chip.end_of_python()
        self.send({"event": "reset", "kind": kind, "state": self._snapshot(kind)})
        while True:
            self.link.receive(True)  # ends this process when the link goes

    # -- the firmware ----------------------------------------------------------------------

    def run(self):
        state, start = self.state, self.start
        # The chip starts: no program runs, the outputs are as the reset has left them.
        state.chip.begin(start["kind"], self._wait, self._board_startup)
        if start.get("fs") == "corrupt":
            self._corrupted()
        if self.rom:
            self._mount(self.rom)
        if self.start.get("romfs"):
            self.rom = self._map_rom()
            self._base_image(start["base_image"])
        self._limit_heap()
        self._take_time_for_signatures()
        # Frozen ones are run before files of their names (shared/runtime/pyexec.c).
        nothing = start.get("fs") == "empty" and start.get("image") != "own"
        # Built into the chip's image: found wherever boot.py lets Python look for modules.
        for name in ("machine", "esp32", "binascii"):
            __import__(name)
        for name in () if nothing else ("boot.py", "main.py"):
            if name == "main.py" and start.get("frames"):
                from twin import frames  # boot.py has chosen where the firmware is

                frames.install(self.send)
            for folder in start["firmware"]:
                path = folder + "/" + name
                if _exists(path):
                    if not self._program(path):
                        self.control.ballast = None  # so that there is memory to report with
                    break
            # What stands for the chip's own modules is found before any application slot,
            # as are the models that replace native code.
            first = start["built_in"]
            sys.path[:] = first + [place for place in sys.path if place not in first]
        self.control.ballast = None
        # Like the chip after the end of main.py: at the prompt, timers and watchdog go on.
        while True:
            state.net.waiting.clear()
            self.pacer.step(None)

    def _corrupted(self):
        """A file system that does not mount and is not empty: the frozen _boot.py prints and
        sleeps for ever, and no boot.py is run, frozen or not (ports/esp32/modules/inisetup.py)."""
        while True:
            print("The filesystem appears to be corrupted.")
            self._wait(3000000)

    def _board_startup(self):
        """MICROPY_BOARD_STARTUP of our own image: does what board.c beside mpconfigboard.h does,
        once the NVS is there and before Python starts."""
        if self.start.get("image") != "own":
            return
        import esp32
        from binascii import crc32
        from twin.chip import RESETS

        self.state.chip.rtc_off()  # whatever is kept

        kept = bytearray(40)
        try:
            size = esp32.NVS("microevse").get_blob("outputs", kept) - 4
        except OSError:
            size = 0
        told = int.from_bytes(kept[size : size + 4], "little")
        if size >= 1 and kept[0] == 1 and crc32(kept[:size]) & 0xFFFFFFFF == told:
            for output in kept[1:size]:
                if output != 127:  # no pin: the mark of an RTC pad
                    self.state.world.drive(output & 127, output >> 7)
        elif RESETS[self.start["kind"]][1]:
            self.reset("system")  # a CPU reset, and nobody knows what is driven

    def _take_time_for_signatures(self):
        """Checking one takes so long on a chip that a car may begin to charge meanwhile. Nothing
        in it reaches the virtual board, so its time is charged where it begins: slots.keys takes
        the hash of the key's line. Between two pieces of it ticks run."""
        import hashlib

        clock = self.state.clock

        class Hashes:
            md5, sha1 = getattr(hashlib, "md5", None), getattr(hashlib, "sha1", None)

            @staticmethod
            def sha256(data=b""):
                for begin, pieces, us in _SIGNATURES:
                    if isinstance(data, bytes) and data.startswith(begin):
                        for _ in range(pieces):
                            clock.sleep(us)
                return hashlib.sha256(data)

        sys.modules["hashlib"] = Hashes

    def _wait(self, us):
        self.pacer.block(self.state.clock.now_us + int(us))

    @staticmethod
    def _base_image(number):
        """The module that is frozen into a base image says which one it is; 0: none."""

        class base_image:
            NUMBER = number

        if number:
            sys.modules["base_image"] = base_image

    def _mount(self, data):
        """Mount the bytes as /rom: code in it is executed where it lies, and takes its time to be
        loaded, as that of a ROMFS inside it does."""
        import vfs
        from twin import rom_imports

        us_per_kb = int(1000 * self.start.get("import_ms_per_kb", rom_imports.MS_PER_KB))

        def wrap(rom):
            as_chip = chip_heap.as_chip if self.chip_heap else None
            return rom_imports.Rom(rom, self.state.clock, us_per_kb, self._loaded, as_chip)

        vfs.mount(wrap(vfs.VfsRom(data)), "/rom")
        sys.modules["vfs"] = rom_imports.Vfs(vfs, wrap)

    def _loaded(self, path, us):
        state = self.state
        if state.at_import and path.endswith(state.at_import[0]):
            _, command = state.at_import
            state.at_import = None
            state.world.command(command)
        if self.start.get("rom_log"):
            self.send({"event": "import", "file": path, "ms": us / 1000})

    def _map_rom(self):
        """The partition for a ROMFS is memory, and mounted, before any program runs."""
        import esp32

        partition = esp32.Partition.find(esp32.Partition.TYPE_DATA, ROMFS)[0]
        size = partition.info()[3]
        data = chip_heap.outside(size) if chip_heap else bytearray(size)
        partition.readblocks(0, data)
        try:
            self._mount(data)
        except OSError:
            return None  # nothing has been put there
        return data

    def _limit_heap(self):
        """Leave the firmware as much heap as was asked for."""
        if self.chip_heap:
            gc.threshold(COLLECT_EVERY)  # the twin's own
            return
        if MICROPYTHON:
            self.state.clock.heap_size = lambda: self.state.heap.gc_size
            sys.modules["gc"] = _Collector(self.state.clock)
        from twin.run_heap import HEAP_GROWTH, HEAP_PASSING, limit_heap, name_pools

        if MICROPYTHON and self.start.get("heap"):
            # On the chip these are part of the program in flash: theirs is not its heap.
            for name in ("machine", "network", "esp32", "socket", "time", "tls"):
                __import__(name)
            if [place for place in self.start["built_in"] if _exists(place + "/burst.py")]:
                __import__("burst")  # a model in place of a few lines of machine code
            # Frozen names take no pool.
            paid = 0 if self.start.get("frozen") else name_pools()
        gc.collect()
        limit = self.start.get("heap")
        if MICROPYTHON:
            gc.threshold(min(COLLECT_EVERY, limit // 2) if limit else COLLECT_EVERY)
        if not MICROPYTHON or not limit:
            return
        own = gc.mem_alloc()
        image = len(self.rom) if self.rom else 0
        # A test that lets the twin keep more (long histories) says how much.
        passing = self.start.get("heap_reserve", HEAP_PASSING)
        more = HEAP_GROWTH + passing
        self.send(
            {"event": "heap", "limit": limit, "image": image, "twin": own - image, "more": more}
        )
        own = gc.mem_alloc()
        self.control.ballast, held = limit_heap(limit - paid, passing)
        self.control.begin(limit, passing, own + held)

    def _program(self, path):
        """Run one file as the chip does; False if it ended badly."""
        names = {"__name__": "__main__", "__file__": path}
        try:
            if not (self.chip_heap and self._frozen(path, names)):
                with open(path) as file:
                    text = file.read()
                if self.chip_heap:
                    code = chip_heap.as_chip(compile, text, path, "exec")
                    chip_heap.as_chip(exec, code, names)
                else:
                    exec(compile(text, path, "exec"), names)
        except SystemExit:
            self.state.reset("soft")
        except BaseException as exc:
            self._print(exc)
            self.send({"event": "crash", "file": path, "error": repr(exc)})
            return False
        if path.endswith("/main.py"):
            self.send({"event": "exit", "file": path})
        return True

    def _frozen(self, path, names):
        """Run the program of that name in the interpreter; False if it has none, or the image's
        is in the file system."""
        if self.state.heap.image == "psram":
            return False
        return chip_heap.frozen(path.rsplit("/", 1)[1], names)

    @staticmethod
    def _print(exc):
        if MICROPYTHON:
            sys.print_exception(exc)
        else:
            import traceback

            traceback.print_exception(type(exc), exc, exc.__traceback__, file=sys.stdout)


def main():
    options = json.loads(sys.argv[1])
    here = _here()
    sys.path.insert(0, here.rsplit("/", 1)[0])
    from twin.pace import Link

    link = Link(options["link"])
    link.send({"hello": options["token"]})
    start = link.receive(True)["start"]
    sys.path.pop(0)
    if start.get("rom"):
        start["rom_image"] = _bytes(start["rom"])
        start["firmware"] = ["/rom", "/rom/lib"]
    sys.path[:] = _paths(here, start)
    start["built_in"] = [place for place in sys.path if place.startswith(here + "/")]
    # First of all: the shadows of built-in modules reach the board through this name.
    import twin.twin_state  # noqa: F401

    sys.modules["twin_state"] = sys.modules["twin.twin_state"]
    import os

    folder = start["data"] + "/vfs"
    if start.get("fs") == "empty":
        # _boot.py has made a new file system.
        folder += "-empty"
        try:
            os.mkdir(folder)
        except OSError:
            pass
    os.chdir(folder)
    Board(link, start).run()


main()
