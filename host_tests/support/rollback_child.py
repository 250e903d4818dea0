# One life of a charger on a journal image: run with this version's lib, or with that of another.
# MIT license; part of microevse
"""usage: micropython rollback_child.py write|deliver|tell IMAGE BOOT

Prints, as JSON, what a central system hears. `write` charges: one session that the central system
knows and that ends unheard, one that is open. `deliver` is 1.6; `tell` is a protocol that tells
the changes only.
"""

import asyncio
import json
import sys

from station_parts import Charger
from store import norlog
from store.ramflash import RamFlash

BLOCKS = 12
SETTINGS = {"MeterValueSampleInterval": "10"}


def transactions(c, call):
    """The part that sends, of either version."""
    from ocpp16.transactions import Transactions

    try:
        c.station.delivery.attach(Transactions(call, c.station))
        return c.station.delivery
    except AttributeError:
        return Transactions(call, c.station, c.settings, c.journal, c.clock)


async def drain(sender, asked, most=200):
    for _ in range(most):
        if sender.due_in_ms() is None:
            return
        await sender.step()
    raise AssertionError("the head of the queue stays: %r" % asked[-3:])


async def main(what, flash, boot):
    c = Charger(flash, boot=boot, settings=SETTINGS)
    asked = []

    async def call(action, payload):
        asked.append([action, payload])
        if action == "StartTransaction":
            return {"transactionId": 4711 + len(asked), "idTagInfo": {"status": "Accepted"}}
        return {}

    if what == "write":
        sender = transactions(c, call)
        await c.charge("FIRST")
        await drain(sender, asked)
        await c.pass_s(35, 300)
        c.evse.release()
        await c.pass_s(3)
        c.connector.report_fault("RcdTripped")
        await c.pass_s(3)
        c.evse.unplug()
        await c.pass_s(10)
        await c.charge("SECOND")
        await c.pass_s(25, 100)
        c.evse.release()
        await c.pass_s(3)
        return asked
    c.station.recover("PowerUp")
    while c.station.recovering:
        await asyncio.sleep(0.01)
    if what == "deliver":
        await drain(transactions(c, call), asked)
        c.journal.prepare()
        asked.append([c.journal.queued, c.journal.foreign])
        return asked
    c.station.delivery.attach(Changes(asked))
    await drain(c.station.delivery, asked)
    asked.append([c.journal.queued, c.journal.foreign])
    return asked


class Changes:
    family = 2
    no_id = None
    counts_silence = False

    def __init__(self, asked):
        self.asked = asked

    def render(self, kind, payload):
        return (str(kind), payload) if kind == 4 else None

    async def send(self, action, message):
        self.asked.append([action, message])
        return {}

    def answered(self, kind, payload, answer):
        pass


def run():
    what, path, boot = sys.argv[1], sys.argv[2], int(sys.argv[3])
    flash = RamFlash(blocks=BLOCKS)
    if what == "write":
        norlog.format(flash)
    else:
        with open(path, "rb") as f:
            flash.image[:] = f.read()
    asked = asyncio.run(main(what, flash, boot))
    with open(path, "wb") as f:
        f.write(flash.image)
    print(json.dumps(asked))


run()
