# The power cut at every flash operation of an update, its first start and its confirmation.
# MIT license; part of microevse
"""Two sweeps. The first cuts at every single operation of the installation of the real bundle
over an older version, with installer, start code and flash model in one process: what starts
after the cut must be whole, the old version or (once committed) the new one; in one case of
three the recovery is cut as well; and the update, done again, must run.

So for slots that are partitions, and for those that are files of a ROMFS.

The second is the whole firmware with a central system, at fewer points: every operation of
the slot's record, some of the image's. What runs after the cut is told by BootNotification,
what is told of the update must be true, and the update must go through when asked for again.
"""

import asyncio
import contextlib
import io
import pathlib
import random
import shutil
import tempfile
import time

import update_kit
from bench import Bench
from compiled import directories
from csms.server import stamp
from fakeboard.board import flashed
from file_servers import HttpServer
from slot_bench import Chip, image, pack, sweep
from slots import BLOCK, HEADER

FIRMWARE = "FirmwareStatusNotification"
PAST = "2026-12-31T00:00:00Z"
NEW = "9.9.9"
# The image format for the slots of each partition table.
FORMATS = {"slots": {"format": "lfs2", "block": 512}, "romfs": {"format": "romfs"}}


def in_process(step, offset=0, seed=1, say=print, layout="slots"):
    """The first sweep; returns what slot_bench.sweep counted."""
    rng = random.Random(seed)
    kind = FORMATS[layout]
    real = update_kit.make(NEW, format=kind["format"])[HEADER:]
    blocks = -(-len(real) // BLOCK)
    began = time.monotonic()
    folder = tempfile.mkdtemp(prefix="microevse-update-cut-")
    with contextlib.chdir(folder) if hasattr(contextlib, "chdir") else _chdir(folder):
        with contextlib.redirect_stdout(io.StringIO()), Chip(layout=layout) as chip:
            chip.install(pack(image(1, blocks, -1536), "older", **kind))
            chip.install(pack(image(2, blocks, -1536), "old", **kind))
            found = sweep(
                chip,
                "old",
                pack(real, "new", **kind),
                blocks,
                points=lambda ops: range(1 + offset, ops + 1, step),
                recovery=lambda _: rng.randrange(1, 1600) if rng.random() < 1 / 3 else None,
            )
    shutil.rmtree(folder)
    say(
        "update, start code and flash (%s): %d cuts at %d flash operations (every %d., seed %d),"
        " %d more while recovering; the old version started %d times, the new one %d times,"
        " nothing else and never nothing; %.0f s"
        % (
            layout,
            found["cuts"],
            found["ops"],
            step,
            seed,
            found["again"],
            found["old"],
            found["new"],
            time.monotonic() - began,
        )
    )
    return found


@contextlib.contextmanager
def _chdir(folder):
    import os

    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class Life:
    """One charger that is asked for an update, with a cut at one operation of its flash.

    layout: None: no slot is in use yet; else it was flashed with that partition table.
    """

    def __init__(self, bundle, layout=None):
        self.bundle = bundle
        self.layout = layout

    async def play(self, cut_at=None, start=1):
        """({start: operations of the flash in it}, versions that ran). The cut is at that
        operation of the first start, or of the second, which is the new version's."""
        options = {"flash_cut_at": cut_at} if cut_at and start == 1 else {}
        with tempfile.TemporaryDirectory() as folder:
            firmware = directories()
            if self.layout:
                flashed(folder, update_kit.application("0.1.0"), self.layout, {})
                vfs = pathlib.Path(folder, "vfs")
                firmware = [vfs, vfs / "lib"]
            return await self._with(folder, firmware, options, cut_at, start)

    async def _with(self, folder, firmware, options, cut_at, start):
        async with Bench(data=folder, firmware=firmware, options=options) as b:
            b.twin._options.pop("flash_cut_at", None)
            if start == 2:
                self._cut_second(b.twin, cut_at)
            server = await HttpServer(b.csms.count).start()
            server.files["/fw"] = self.bundle
            try:
                return await self._play(b, server, cut_at)
            finally:
                server.stop()

    def _cut_second(self, twin, cut_at):
        reboots = []

        def listen(event):
            if event["event"] == "reboot":
                reboots.append(event)
                if len(reboots) == 1:
                    twin._options["flash_cut_at"] = cut_at
                else:
                    twin._options.pop("flash_cut_at", None)

        twin.listeners.append(listen)

    async def _ask(self, b, server):
        at = stamp(1798761600 - 1000 + b.twin.boots)  # not the same request again
        payload = {"location": server.url + "/fw", "retrieveDate": at, "retries": 3}
        await b.call("UpdateFirmware", payload)

    async def _play(self, b, server, cut_at):
        self.ops = {}
        await b.start_of_day()
        await self._ask(b, server)
        asked = 1
        end = b.now + 900
        while not self._done(b):
            assert b.now < end, "the new version never ran"
            if b.csms.registration.get("EVSE-1") == "Accepted" and self._failed(b) >= asked:
                await self._ask(b, server)
                asked += 1
            with contextlib.suppress(AssertionError):
                self.ops[b.twin.boots] = (await b.twin.flash())["ops"]
            await b.advance(0.5)
        versions = [call["firmwareVersion"] for call in b.calls("BootNotification")]
        assert set(versions) <= {"0.1.0", NEW}
        assert versions == sorted(versions), f"it went back: {versions}"
        told = [call["status"] for call in b.calls(FIRMWARE)]
        assert told[-1] == "Installed", told
        if cut_at:
            assert any(event.get("cause") == "pwron" for event in b.twin.events), "no cut"
        # The operations of each start, for the list of points.
        return self.ops, versions

    def _failed(self, b):
        words = ("DownloadFailed", "InstallationFailed")
        return len([call for call in b.calls(FIRMWARE) if call["status"] in words])

    def _done(self, b):
        return any(call["status"] == "Installed" for call in b.calls(FIRMWARE))


def whole(step, offset=0, say=print, seconds=None, layout=None):
    """The second sweep. Returns the number of cuts."""
    bundle = update_kit.make(
        NEW, format=FORMATS[layout or "slots"]["format"], broken=update_kit.QUICK_TRIAL
    )
    began = time.monotonic()
    ops, _ = asyncio.run(Life(bundle, layout).play())
    last = ops[1]
    image_ops = (len(bundle) - HEADER) // 256
    # Header, commit and what the journal writes around them: all of them.
    near = range(max(1, last - 24), last + 1)
    points = [(2, point) for point in range(1, ops[2] + 1)]
    points += [(1, point) for point in sorted(set(range(1 + offset, last + 1, step)) | set(near))]
    cuts = 0
    for start, point in points:
        if seconds and time.monotonic() - began > seconds:
            break
        try:
            asyncio.run(Life(bundle, layout).play(point, start))
        except AssertionError as exc:
            raise AssertionError(f"start {start}, cut at operation {point}: {exc}") from exc
        cuts += 1
    say(
        "whole firmware (%s): %d cuts at %d of %d flash operations (all %d of the new version's"
        " first start, the last %d before it, every %d. of the others; the image has"
        " %d pages): each time the old or the new version started, and the update went through;"
        " %.0f s"
        % (
            layout or "first update",
            cuts,
            len(points),
            last + ops[2],
            ops[2],
            len(near),
            step,
            image_ops,
            time.monotonic() - began,
        )
    )
    return cuts
