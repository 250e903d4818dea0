# Attempts to reach servers over TLS, one after the other; both interpreters.
# MIT license; part of microevse
"""Gets a line of JSON: ca (file), ports {what: port}, for some cert and key (files); `closes`: a
car charges by the time a handshake would begin. Prints
{what: [sentence, kind]}; the sentence of one that was let in begins with HTTP."""

import asyncio
import json
import sys

from ocppj import dial, failure, pem
from ocppj.resolver import Resolver


def read(path, labels=pem.CERTIFICATE):
    with open(path) as f:
        return pem.pem_to_der(f.read(), labels)


class Config:
    charge_point_id = "CP"
    password = b"s3cret-password!"

    def __init__(self, given, port):
        self.url = "wss://localhost:%d/ocpp" % port
        self.ca_der = read(given["ca"])
        self._pair = None
        if "cert" in given:
            self._pair = read(given["cert"]), read(given["key"], pem.PRIVATE_KEY)[0]

    def client_certificate(self):
        return self._pair


async def attempt(config, closes):
    resolver = Resolver(dial.resolve, lambda ms=0: not (closes and ms >= dial.HANDSHAKE_MS))
    dialer = dial.Dialer(config, dial.open_stream, resolver, lambda: ("ocpp1.6",))
    try:
        found = await asyncio.wait_for(dialer.open(), 20)
        return ["let in" if found else "a car goes first", ""]
    except Exception as exc:
        reason = failure.words(exc, 20, lambda ms: True)
        return [reason, failure.event(0, reason)]
    finally:
        await dialer.close()


def main():
    given = json.loads(sys.stdin.readline())
    found = {}
    for what in given["ports"]:
        found[what] = asyncio.run(
            attempt(Config(given, given["ports"][what]), given.get("closes"))
        )
    print(json.dumps(found))


main()
