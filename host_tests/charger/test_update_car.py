# An update and a car that comes at its worst moment.
# MIT license; part of microevse
"""The contactor does not close between the question whether flash may be erased and the erase, and
no session that began is cut by the restart. Checking a signature takes 2.6 s on the twin, as it
does on a chip."""

import pathlib
import tempfile

import update_kit
from firmware_files import FIRMWARE, http, statuses, update
from bench import scenario
from compiled import directories

NEW = "9.9.9"


def test_a_car_that_asks_while_a_signature_is_checked_is_not_opened_under_load():
    """Once it was closed in these seconds, and the erase behind them stalled the tick. Now it
    waits, for a few seconds at the most."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        ours = data / "ours.pem"
        update_kit.bundle.new_key(ours)
        (data / "vfs").mkdir()
        (data / "vfs" / "update.pub").write_text(update_kit.bundle.public(ours) + "\n")

        @scenario(firmware=directories(), data=folder)
        async def story(b):
            await b.boot()
            await b.charging()
            await b.advance(20)
            await b.do("release")  # the car pauses, its session goes on
            await b.contactor(False, within=5)
            await b.advance(40)
            async with http(b) as server:
                server.files["/fw"] = update_kit.make(NEW, key=ours)
                erased = sum((await b.twin.flash())["erases"].values())
                await update(b, server.url + "/fw", retries=0)
                await b.until(lambda: b.calls(FIRMWARE), 60, "Downloading")
                await b.do("request")
                began = b.now
                closed = None
                for _ in range(400):
                    await b.advance(0.02)
                    shut = (await b.status())["contactor"]
                    count = sum((await b.twin.flash())["erases"].values())
                    assert count == erased or not shut, "erased with the contactor closed"
                    erased = count
                    closed = b.now if shut and closed is None else closed
                    assert shut or closed is None, "opened again"
                assert closed is not None and 2.5 < closed - began < 6, closed and closed - began
                assert not b.logged("comes into"), "nothing of the slot was touched yet"
                # With the car gone the update goes on, and the session is whole.
                await b.do("release")
                await b.contactor(False, within=5)
                await b.leave()
                await statuses(b, FIRMWARE, "Downloaded", "Installing")
            assert (await b.start_of_day())["firmwareVersion"] == NEW

        story()


@scenario(firmware=directories(), settings={"FreeMode": "true"})
async def test_a_session_that_begins_while_the_restart_waits_is_not_cut(b):
    """The network is gone, so the word Installing cannot leave for ten seconds."""
    await b.boot()
    async with http(b) as server:
        server.files["/fw"] = update_kit.make(NEW, broken=update_kit.QUICK_TRIAL)
        await update(b, server.url + "/fw")
        await b.until(lambda: b.logged("file: downloaded"), 90, "the download")
        await b.do("network", up=False)
        await b.until(lambda: b.logged("is ready in"), 90, "installing")
    await b.do("plug")
    await b.do("request")
    await b.contactor(True, within=15)
    await b.advance(60)
    assert b.twin.boots == 1 and (await b.status())["contactor"] is True
    await b.do("network", up=True)
    await b.leave()
    await b.until(lambda: b.logged("app_a is confirmed"), within=90, what="the new version")
    await b.until(lambda: b.calls("StopTransaction"), within=60, what="the end of the session")
    assert b.twin.boots == 2 and b.logged("session 1 ends: ev_disconnected")
    stops = b.calls("StopTransaction")
    assert [stop.get("reason") for stop in stops] in (["EVDisconnected"], ["Local"]), stops
