# The heap of the chip in each situation, for each image: GC heap and system heap.
# MIT license; part of microevse
"""`table(image)` plays the situations on the twin, in an interpreter of tools/frozen.py whose GC
heap has the chip's size and grows, or not, as the image's does. Nothing is converted or
subtracted: what the virtual board itself keeps lies in other areas
(micropython/chipheap/chipheap.c)."""

import compiled
import frozen
import memory_run
import rom_charger
import update_kit
from bench import Bench
from bench2 import Bench2
from file_servers import HttpServer
from page_request import BASIC, PASSWORD, request
from secure import SecureBench, secure
from twin.host import load_board

# {name: interpreter of tools/frozen.py, image of twin/system_heap.py}
IMAGES = {
    "base, ROMFS": ("base", "base"),
    "frozen": ("frozen", "base"),
    "stock, PSRAM": ("stock", "psram"),
}
VERSIONS = ("1.6", "2.0.1", "2.1")
STEP_S = 0.25
# Quiet time is taken in such steps: a day would take minutes else.
GRID = {"skip_ms": memory_run.GRID_MS, "coalesce_ms": memory_run.GRID_MS}


class SecureBench2(SecureBench, Bench2):
    """A bench over wss:// for 2.x."""


def _options(name, features="named", board="esp32_devkitc", **more):
    """Options of a bench whose charger is frozen in, or runs from files. Raises frozen.Missing."""
    program, image = IMAGES[name]
    made = {"board": dict(load_board(board), features=features), "heap_image": image, **more}
    made["frozen"] = frozen.build(program)
    if program == "frozen":
        made["firmware"] = [memory_run._start()]
    else:
        made["firmware"] = compiled.directories(frozen.MARCH)
    return made


def bench(name, tls=True, **more):
    """A bench for that, to be entered with `async with`. The base image runs the application from
    a slot: it has the paths of the modules there among its names (tools/names.py), and those of
    any other place would be in the heap."""
    if name == "base, ROMFS":
        return rom_charger.flashed_bench(tls, **more)
    kind = more.pop("kind", SecureBench)
    made = _options(name, **more)
    return kind(**secure(**made)) if tls else Bench(**made)


def version_options(version):
    """Options of `bench` for a central system that speaks this version; 2.x goes with TLS."""
    more = {"settings": {}}
    if version != "1.6":
        more["settings"]["OcppVersions"] = version
        more["subprotocols"] = ("ocpp" + version,)
        more["kind"] = type("Of" + version, (SecureBench2,), {"version": version})
    return more


class Row:
    """What one situation took: the most of the GC heap, the least of everything else."""

    def __init__(self, first):
        self.used = self.free = self.largest = self.system = self.block = self.least = None
        self.add(first)

    def add(self, heap):
        """heap: of Twin.heap()."""

        def low(before, now):
            return now if before is None else min(before, now)

        self.used = max(self.used or 0, heap["taken"])
        self.free = low(self.free, heap["free"])
        self.largest = low(self.largest, heap["largest"])
        self.system = low(self.system, heap["system_free"])
        self.block = low(self.block, heap["system_largest"])
        self.least = low(self.least, heap["system_least"])
        self.total, self.refused = heap["total"], heap["refused"]

    def columns(self):
        return (self.used, self.free, self.largest, self.system, self.block, self.least)


HEAD = ("GC used", "GC free", "GC block", "system", "block", "least")


async def table(name, tls=True, features="named", version="1.6"):
    """{situation: Row} in the order in which they are played. Files are moved where the features
    have that, under 1.6; a report of all variables is sent under 2.x, which goes with `tls`."""
    rows = {}
    more = version_options(version)
    more["settings"]["WebPassword"] = PASSWORD
    more["features"] = features
    async with bench(name, tls, options=GRID, **more) as b:

        async def note(what, until=None, within=60, step=STEP_S):
            row = rows[what] = Row(await b.twin.heap())
            end = b.now + within
            while until and not until():
                assert b.now < end, what
                await b.advance(step)
                row.add(await b.twin.heap())

        await b.boot()
        await note("boot")
        await b.advance(60)
        await note("idle")
        entry = await b.charging()
        await b.advance(70)
        await note("charging")
        if version != "1.6":
            mark = b.mark()
            asked = {"requestId": 1, "reportBase": "FullInventory"}
            await b.call("GetBaseReport", asked)
            last = lambda: [1 for r in b.calls("NotifyReport", mark) if not r.get("tbc")]  # noqa: E731
            await note("charging, all variables reported", last, 120)
            await b.advance(30)
        for path in ("/api/v1/state", "/api/v1/log"):
            assert (await request(b, "GET", path, BASIC))[0] == 200
        await note("charging, a page visitor")
        await b.tap("CARD1")
        await b.until(lambda: entry.stop, 60, "StopTransaction")
        await b.contactor(False)
        await b.leave()
        await b.advance(400)  # the page's code is dropped
        await note("after the session")
        await b.offline()
        await b.advance(30)
        mark = len(b.log)
        await b.twin.command({"do": "network", "up": True})
        back = lambda: [line for line in b.log[mark:] if "net: connected" in line]  # noqa: E731
        await note("name look-up, connecting", back, 120, 0.05)
        await b.advance(60)
        if features == "all" and version == "1.6":
            await _files(b, note)
    return rows


async def _files(b, note):
    server = await HttpServer(b.csms.count).start()
    try:
        told = _told(b, "DiagnosticsStatusNotification")
        await b.call("GetDiagnostics", {"location": server.url + "/"})
        await note("diagnostics upload", told)
        told = _told(b, "FirmwareStatusNotification")
        server.files["/fw"] = update_kit.make("9.9.9")
        where = {"location": server.url + "/fw", "retrieveDate": "2026-12-31T00:00:00Z"}
        await b.call("UpdateFirmware", where)
        await note("update", told, 300)
    finally:
        server.stop()


def _told(b, action):
    """fn() -> True once the end of a transfer has been told."""
    mark = b.mark()

    def told():
        for call in b.calls(action, since=mark):
            if call["status"] not in ("Uploading", "Downloading", "Downloaded"):
                return True
        return False

    return told


def text(rows):
    """Lines of a table."""
    yield "  " + " ".join(["%8s" % word for word in HEAD])
    for what, row in rows.items():
        yield "  " + " ".join(["%8d" % n for n in row.columns()]) + "  " + what
