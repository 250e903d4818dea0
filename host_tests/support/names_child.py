# One attempt to reach a server over TLS, for test_certificate_names.py; both interpreters.
# MIT license; part of microevse
"""Gets a line of JSON: what ("dial", "fetch" or "send"), url, ca. Prints one: how it ended."""

import asyncio
import json
import sys

import transfer
from ocppj import dial, pem, tls
from ocppj.resolver import Resolver


def authorities(path):
    with open(path) as f:
        return pem.pem_to_der(f.read())


class Sink:
    data = b""

    async def begin(self, size):
        pass

    async def write(self, chunk):
        self.data += bytes(chunk)


class Config:
    charge_point_id = "CP"
    password = b"s3cret-password!"
    client_certificate = staticmethod(lambda: None)

    def __init__(self, url, ca):
        self.url = url
        self.ca_der = authorities(ca)


async def attempt(given):
    url, ca = given["url"], given["ca"]
    if given["what"] == "dial":
        resolver = Resolver(dial.resolve, lambda ms=0: True)
        dialer = dial.Dialer(Config(url, ca), dial.open_stream, resolver, lambda: ("ocpp1.6",))
        try:
            await asyncio.wait_for(dialer.open(), 10)
        finally:
            await dialer.close()
    elif given["what"] == "fetch":
        sink = Sink()
        await transfer.fetch(url, sink, lambda: tls.client_context(authorities(ca)))
        assert sink.data == b"hello"
    else:
        source = lambda: [b"hello"]  # noqa: E731
        await transfer.send(url, source, 5, "n", lambda: tls.client_context(authorities(ca)))


def main():
    try:
        asyncio.run(attempt(json.loads(sys.stdin.readline())))
        print(json.dumps({"error": None}))
    except Exception as exc:
        text = getattr(exc, "status", None) or tls.explain(exc) or str(exc)
        print(json.dumps({"error": text}))


main()
