# A client with a key of its own, for test_pki_tls.py; MicroPython or CPython runs it.
# MIT license; part of microevse
"""Makes a key pair and prints the request for a certificate. Reads the answer, one line of JSON:
{"certificate": base64 of DER, "ca": the same, "port"}. Connects with them and prints what the
server says, or the error. The chain that came back is checked as on a charger."""

import asyncio
import json
import sys
from binascii import a2b_base64, b2a_base64

from ocppj.tls import client_context, explain
from pki import chain, csr, keypair


async def turn():
    await asyncio.sleep(0)


async def main():
    secret = keypair.new_secret()
    x, y = await keypair.public_key(secret, turn)
    request = await csr.request(secret, x, y, csr.name("CP1", "Operator"), turn)
    print(b2a_base64(request).decode().strip())
    answer = json.loads(sys.stdin.readline())
    certificate, ca = (a2b_base64(answer[name]) for name in ("certificate", "ca"))
    try:
        made = await chain.check([certificate], [ca], answer["now"], "client", turn, "CP1")
        if made.key != ("p256", x, y):
            raise ValueError("a certificate for another key")
    except ValueError as exc:
        print("refused: %s" % exc)
        return
    key = keypair.write_key(secret, x, y)
    if answer.get("swap"):
        key = keypair.write_key(1, *await keypair.public_key(1))
    try:
        context = client_context([ca], certificate and [certificate], key)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", answer["port"], ssl=context, server_hostname="localhost"
        )
        writer.write(b"here I am\n")  # MicroPython's handshake begins with the first write
        await writer.drain()
        line = await reader.readline()
        writer.close()
        print(line.decode().strip() or "closed")
    except (OSError, ValueError) as exc:
        print("error: %s" % (explain(exc) or exc))


asyncio.run(main())
