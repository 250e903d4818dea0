# The heap that the running charger takes in its situations, on the twin, from ROM.
# MIT license; part of microevse
"""`situations(...)` plays a day of a charger and looks at its heap; bytes of this machine, or of
a 32-bit one where the application is frozen into the interpreter (tools/frozen.py)."""

import pathlib
import shutil
import tempfile

import compiled
from bench import Bench
from secure import SecureBench, secure
from tools_paths import ROOT
from twin.host import load_board
from twin.run_heap import HEAP_GROWTH_64

# Quiet time is taken in such steps: an hour offline would take a minute else.
GRID_MS = 1000  # below the 2 s in which watched tasks have to show themselves
# A lost TLS connection comes back while a car charges, too, but only by a pause of charging.
SOFT_PAUSE_S = 1200
# So long after a session's begin all of it has been told and noted, and no meter value is due.
# What a message in work takes for a moment would be in the figure of one run and not in another's.
QUIET_S = 10


def options(features="all", heap="400k", tls=False, board="esp32_devkitc", frozen=None, **more):
    """Arguments of Bench (SecureBench for TLS) for a charger that runs from ROM, or `frozen`
    (path of the interpreter that has it: then `heap` is the size of a heap that the twin has no
    part of)."""
    made = {"board": dict(load_board(board), features=features), **more}
    if frozen:
        made.update(frozen=frozen, firmware=[_start()], heap_image="base")
        made["options"] = {**made.get("options", {}), "gc_size": int(heap)}
    else:
        made.update(rom=compiled.rom(), heap=heap)
    return secure(**made) if tls else made


def _start():
    """A folder with the two files that the twin looks for by name; the rest is frozen."""
    folder = pathlib.Path(tempfile.gettempdir()) / "microevse-start"
    folder.mkdir(exist_ok=True)
    for name in ("boot.py", "main.py"):
        shutil.copyfile(ROOT / "firmware" / name, folder / name)
    return folder


def bench(tls=False, **wanted):
    """A bench for that; to be entered with `async with`."""
    return (SecureBench if tls else Bench)(**options(tls=tls, **wanted))


async def look(b):
    """(bytes taken by the firmware, largest free block) after a collection."""
    heap = await b.twin.heap()
    growth = 0 if b.twin.frozen else HEAP_GROWTH_64
    return heap["taken"] - growth, heap["largest"]


async def session(b, seen=None, offline_s=0):
    """A charging session with everything a central system may ask for meanwhile."""

    async def note(name):
        if seen is not None:
            seen[name] = await look(b)

    await b.boot()
    await note("after boot")
    await b.advance(60)
    await note("connected, idle")
    entry = await b.charging()
    await b.advance(QUIET_S)
    await note("charging")
    await b.expect("MeterValues", within=80, transactionId=entry.id)
    await b.call(
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": _profile()},
    )
    await note("charging, with a profile of 24 periods")
    await b.call("GetCompositeSchedule", {"connectorId": 1, "duration": 86400})
    await note("the composite schedule of a day just sent")
    keys = await b.configuration()
    await note("all configuration keys just sent")
    assert len(keys) > 50
    if offline_s:
        await b.offline()
        await b.advance(offline_s)
        await note("charging, %d s offline" % offline_s)
        await b.online(SOFT_PAUSE_S)
        await b.advance(120)
    await b.tap("CARD1")
    await b.until(lambda: entry.stop, 60, "StopTransaction")
    await b.contactor(False)
    await b.leave()
    await note("after the session")
    assert entry.wh > 0


def _profile():
    periods = [{"startPeriod": 3600 * i, "limit": 16.0 if i % 2 else 20.0} for i in range(24)]
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "startSchedule": "2027-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }


async def situations(features="all", heap="400k", tls=False, offline_s=0, frozen=None):
    """{situation: (bytes taken, largest free block)}; offline_s: how long an outage lasts."""
    seen = {}
    grid = {"skip_ms": GRID_MS, "coalesce_ms": GRID_MS}
    wanted = {"features": features, "heap": heap, "options": grid, "frozen": frozen}
    async with bench(tls=tls, **wanted) as b:
        await session(b, seen, offline_s)
    return seen
