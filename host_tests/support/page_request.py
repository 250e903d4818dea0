# One HTTP request to the page of a charger on the twin.
# MIT license; part of microevse
"""With the login of the tests that ask it."""

import asyncio

PASSWORD = "correct horse"
BASIC = "Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZQ==\r\n"  # admin:correct horse


async def request(b, method, path, head=""):
    """(status, body text) of the charger's page."""
    host, port = b.twin.web
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n{head}\r\n".encode())
    answer = asyncio.ensure_future(reader.read())
    while not answer.done():
        await b.twin.advance(0.1)
        await asyncio.sleep(0.01)
    writer.close()
    top, _, body = answer.result().decode().partition("\r\n\r\n")
    return int(top.split()[1]), body
