# Many addresses try passwords while a car charges; the owner gets in all the same.
# MIT license; part of microevse

import asyncio
import base64
import json

from bench import scenario
from page_request import PASSWORD
from twin.host import load_board

BOARD = load_board("esp32_devkitc")
HEAD = "HTTP/1.0\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
JSON = HEAD + "Content-Type: application/json\r\n"


async def ask(b, source, request, body=""):
    """(status, head) of the answer to somebody at the address `source`."""
    reader, writer = await asyncio.open_connection(*b.twin.web, local_addr=(source, 0))
    size = "Content-Length: %d\r\n" % len(body)
    writer.write(f"{request}{size}\r\n{body}".encode())
    answer = asyncio.ensure_future(reader.read())
    await b.until(answer.done, within=30, what="an answer")
    writer.close()
    head = answer.result().decode().partition("\r\n\r\n")[0]
    return int(head.split()[1]), head


async def log_in(b, source, password):
    body = json.dumps({"password": password})
    return await ask(b, source, "POST /api/v1/login " + JSON, body)


@scenario(board=BOARD, settings={"WebPassword": PASSWORD})
async def test_who_holds_a_session_or_the_button_gets_in_whoever_tries_passwords(b):
    """Twenty wrong passwords from anywhere locked the owner out for the day."""
    await b.boot()
    await b.charging()
    status, head = await log_in(b, "127.0.0.20", PASSWORD)
    assert status == 200
    cookie = head.partition("Set-Cookie: ")[2].partition(";")[0]
    basic = base64.b64encode(b"admin:" + PASSWORD.encode()).decode()
    wrong = base64.b64encode(b"admin:wrong").decode()
    for i in range(21):
        request = "GET /api/v1/log " + HEAD + f"Authorization: Basic {wrong}\r\n"
        status, _ = await ask(b, "127.0.1.%d" % (i + 1), request)
        assert status == (401 if i < 20 else 429), i
    # Somebody who has never been here has to wait, and not for long.
    status, head = await log_in(b, "127.0.0.21", PASSWORD)
    assert status == 429 and 0 < int(head.partition("Retry-After: ")[2].split()[0]) <= 45
    # The cookie holds from everywhere, and the password from where it has come before.
    for source, credential in (
        ("127.0.0.20", f"Cookie: {cookie}\r\n"),
        ("127.0.1.1", f"Cookie: {cookie}\r\n"),
        ("127.0.0.20", f"Authorization: Basic {basic}\r\n"),
    ):
        assert (await ask(b, source, "GET /api/v1/log " + HEAD + credential))[0] == 200
    # A car charges: no network for set-up is opened. The waits end all the same.
    await b.do("button", seconds=11)
    await b.advance(12)
    assert (await log_in(b, "127.0.0.21", PASSWORD))[0] == 200
    assert (await b.status())["contactor"] is True
