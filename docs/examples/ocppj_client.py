# The OCPP-J client without a charger: registers, sends heartbeats, answers two requests.
# MIT license; part of microevse
"""usage: micropython ocppj_client.py ws://localhost:9000 NAME

Needs the package `ocppj`. It knows no OCPP message: which there are, and what they hold, is yours.
On a board: join the network first, and call `run(url, name)` instead.
"""

import asyncio
import sys

from ocppj.connection import Connection
from ocppj.messages import CallError, message_ids
from ocppj.rpc import Rpc
from ocppj.schema import Schema

# What the central system may send us, and what it answers: `name!type` is required, `name?type`
# optional; i integer, sN text of at most N characters, t time, e list of words, [] list. Lines
# with `!` are the dialect of OCPP-J 1.6: its error codes, and its message types 2, 3 and 4.
TABLE = (
    b"\n"
    b"!count OccurenceConstraintViolation\n"
    b"!form FormationViolation\n"
    b"!frame FormationViolation\n"
    b"!types 234\n"
    b"<GetConfiguration key?[s50];\n"
    b"<Reset type!eHard|Soft|;\n"
    b">BootNotification currentTime!t;interval!i;status!eAccepted|Pending|Rejected|;\n"
    b">Heartbeat currentTime!t;\n"
)
HEARTBEATS = 3


class Config:
    """Read anew at each attempt to connect, so it may change at any time."""

    password = None  # bytes, for Basic authentication
    ca_der, client_certificate = [], staticmethod(lambda: None)  # for wss://
    ping_interval = 30
    connect_timeout = 10
    message_timeout = 30

    def __init__(self, url, name):
        self.url = url
        self.charge_point_id = name


class Uptime:
    """What a clock needs here."""

    def uptime_ms(self):
        return 0

    def uptime(self):
        return 0


async def get_configuration(payload):
    return {"configurationKey": [{"key": "Example", "readonly": True, "value": "1"}]}


async def reset(payload):
    raise CallError("NotSupported", "this is an example")


async def session(rpc):
    """What is done on each connection, in order."""
    answer = await rpc.call(
        "BootNotification", {"chargePointVendor": "example", "chargePointModel": "none"}
    )
    print("registration:", answer["status"])
    for _ in range(HEARTBEATS):
        answer = await rpc.call("Heartbeat", {})
        print("time:", answer["currentTime"])


async def run(url, name):
    done = asyncio.Event()

    async def on_up(protocol):
        print("connected with", protocol)
        await session(rpc)
        done.set()

    clock = Uptime()
    link = Connection(Config(url, name), on_up=on_up, clock=clock)
    handlers = {"GetConfiguration": get_configuration, "Reset": reset}
    rpc = Rpc(link.send, handlers, Schema(TABLE), message_ids(1), 30, clock)
    link.attach(rpc)
    task = asyncio.create_task(link.run())
    await done.wait()
    await link.goodbye()
    task.cancel()
    print("done")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(run(sys.argv[1], sys.argv[2]))
    else:
        print("usage: micropython ocppj_client.py ws://localhost:9000 NAME")
        sys.exit(2)
