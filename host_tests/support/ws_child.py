# A charger's connection without the charger, for test_ws_real_server.py; both interpreters.
# MIT license; part of microevse
"""usage: ws_child.py JSON. Keeps one Connection up; the server drives it by CALLs.

Prints one JSON object per line for everything that happens. DataTransfer echoes its data,
GetConfiguration is answered in pieces, TriggerMessage makes a Heartbeat, ChangeConfiguration
restarts with a new password, Reset ends the program.
"""

import asyncio
import json
import sys

from ocpp16 import schemas
from ocppj import messages, pem, rpc
from ocppj.connection import Connection
from ocppj.schema import Schema


def say(**what):
    print(json.dumps(what))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


def read_pem(path, labels=pem.CERTIFICATE):
    if not path:
        return []
    with open(path) as f:
        return pem.pem_to_der(f.read(), labels)


class Config:
    chain = key_der = password = None
    message_timeout = 5

    def __init__(self, given):
        self.url = given["url"]
        self.charge_point_id = given.get("id", "CP 1")
        if given.get("password"):
            self.password = given["password"].encode()
        self.ca_der = read_pem(given.get("ca"))
        if given.get("cert"):
            self.chain = read_pem(given["cert"])
            self.key_der = read_pem(given["key"], pem.PRIVATE_KEY)[0]
        self.client_certificate = lambda: self.chain and (self.chain, self.key_der)
        self.ping_interval = given.get("ping", 0)
        self.connect_timeout = given.get("timeout", 5)


class Uptime:
    def uptime_ms(self):
        return 0

    def uptime(self):
        return 0


async def main(given):
    config = Config(given)
    end = asyncio.Event()

    async def on_up(protocol):
        say(event="up", protocol=protocol)
        reply = await link.call("Heartbeat", {})
        say(event="heartbeat", time=reply["currentTime"])

    def on_down(reason):
        say(event="down", reason=reason)

    async def data_transfer(payload):
        return {"status": "Accepted", "data": payload.get("data", "")}

    async def get_configuration(payload):
        def pieces():
            yield '{"configurationKey":['
            for n in range(200):
                yield '%s{"key":"K%d","readonly":true}' % ("," if n else "", n)
            yield "]}"

        return pieces()

    async def trigger(payload):
        async def after():
            try:
                await link.call("Heartbeat", {})
                say(event="answered")
            except rpc.Disconnected:
                say(event="disconnected")
            except asyncio.TimeoutError:
                say(event="timeout")

        return {"status": "Accepted"}, after

    async def change(payload):
        config.password = payload["value"].encode()

        async def after():
            await connection.restart("new password")

        return {"status": "Accepted"}, after

    async def reset(payload):
        async def after():
            end.set()

        return {"status": "Accepted"}, after

    connection = Connection(
        config,
        on_up=on_up,
        on_down=on_down,
        rand=lambda n: n - 1,
        clock=Uptime(),
    )
    link = rpc.Rpc(
        connection.send,
        {
            "DataTransfer": data_transfer,
            "GetConfiguration": get_configuration,
            "TriggerMessage": trigger,
            "ChangeConfiguration": change,
            "Reset": reset,
        },
        Schema(schemas.TABLE),
        messages.message_ids(1),
        lambda: config.message_timeout,
        Uptime(),
    )
    connection.attach(link)
    task = asyncio.create_task(connection.run())
    told = 0
    while not end.is_set():
        await asyncio.sleep(0.05)
        if connection.state.startswith("waiting") and connection.attempts > told:
            told = connection.attempts
            say(event="failed", error=connection.last_error, status=connection.last_status)
            if given.get("once"):
                break
    await asyncio.sleep(0.1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    say(event="end", malformed=link.malformed, unknown=link.unknown_ids)


asyncio.run(main(json.loads(sys.stdin.readline())))
