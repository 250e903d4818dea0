# The bench over wss:// with Basic authentication.
# MIT license; part of microevse
"""`secure(...)`: options of the bench for a server and a charger with throw-away certificates."""

import asyncio

import certs
from bench import ID, Bench

PASSWORD = "correct horse battery"


def secure(
    server="server", ca="ca", password=PASSWORD, expect=PASSWORD, host="localhost",
    subprotocols=None, **more,
):  # fmt: skip
    """Options of a bench whose CSMS speaks TLS and wants a password."""
    paths = certs.paths()
    csms = {"ssl": certs.server_context(server)}
    if subprotocols:
        csms["subprotocols"] = subprotocols
    if expect is not None:
        csms["passwords"] = {ID: expect}
    return {
        "csms_options": csms,
        "ca": paths.ca if ca == "ca" else paths.other_ca,
        "password": password,
        "url_host": host,
        **more,
    }


class SecureBench(Bench):
    """A bench whose charger is told another name of the CSMS than the number it listens on."""

    def __init__(self, csms_options, url_host, **twin):
        super().__init__(csms=csms_options, **twin)
        self._url_host = url_host

    async def __aenter__(self):
        await self.csms.start(self.host)
        self._twin_options["csms"] = self.csms.url_for(self._url_host)
        return await self.start_twin()


def scenario(**options):
    """As bench.scenario; the certificates are made when the test runs."""

    def wrap(fn):
        def test():
            async def play():
                async with SecureBench(**secure(**options)) as b:
                    await fn(b)

            asyncio.run(asyncio.wait_for(play(), 120))

        test.__name__ = test.__qualname__ = fn.__name__
        test.__doc__ = fn.__doc__
        return test

    return wrap
