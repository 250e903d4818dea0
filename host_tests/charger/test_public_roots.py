# Public root certificates: a central system of any authority, with nothing pasted.
# MIT license; part of microevse
"""`CaFile=public`, with real TLS servers. Three authorities of our own stand for the public ones;
the real ones are looked at in host_tests/project/test_public_roots_file.py."""

import asyncio
import contextlib
import pathlib
import shutil
import ssl
import tempfile

import certs
from compiled import directories
from firmware_files import DIAGNOSTICS, diagnostics, http, statuses
from secure import SecureBench, secure
from tools_paths import ROOT

ORDER = ("third", "ca", "other_ca")


def der(name):
    if name == "third":  # a certificate that signs nothing here
        return ssl.PEM_cert_to_DER_cert(pathlib.Path(certs.paths().cert("expired")).read_text())
    return ssl.PEM_cert_to_DER_cert((certs.paths().folder / (name + ".pem")).read_text())


@contextlib.asynccontextmanager
async def charger(server="server", ca_file="public", order=ORDER, **more):
    """A charger that carries the roots of `order`, and a central system with that certificate."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(ROOT / "firmware" / "roots.py", folder)
        head = " ".join("%s %d" % (name, len(der(name))) for name in order)
        (folder / "roots.der").write_bytes(head.encode() + b"\n" + b"".join(map(der, order)))
        options = secure(server, **more)
        del options["ca"]
        options["compiled"] = None
        async with SecureBench(
            firmware=[folder, *directories()], settings={"CaFile": ca_file}, **options
        ) as b:
            yield b


def play(fn, **options):
    async def inside():
        async with charger(**options) as b:
            await fn(b)

    asyncio.run(asyncio.wait_for(inside(), 120))


async def _refused_for_good(b, within=200):
    """Three attempts and more; nothing is told to the stranger."""
    await b.until(lambda: len(b.csms.refusals) >= 3, within, "refused attempts")
    for charger_id, reason in b.csms.refusals:
        assert charger_id is None and reason.startswith("TLS"), reason
    assert not b.calls(), "not a message got through"


def test_the_root_is_found_by_trying_and_remembered():
    async def fn(b):
        await b.boot()
        assert len(b.csms.refusals) == 2, "third and ca, in this order"
        assert not b.logged("not from the given CA"), "one attempt, told as one"
        # The connection is lost: the root that worked is the first one now.
        await b.do("network", up=False)
        await b.advance(5)
        count = len(b.csms.connections)
        await b.do("network", up=True)
        await b.until(lambda: len(b.csms.connections) > count, 300, "it is back")
        assert len(b.csms.refusals) == 2

    play(fn, server="other_server")


def test_a_server_of_no_root_is_refused_and_told_nothing():
    async def fn(b):
        await _refused_for_good(b)
        assert b.logged("the server's certificate is not from the given CA")

    play(fn, server="other_server", order=("third", "ca"))


def test_the_host_name_is_checked_with_public_roots_too():
    async def fn(b):
        await _refused_for_good(b)
        assert b.logged("the server's certificate is for another name")
        assert not b.logged("not from the given CA"), "no other root was tried: none would do"

    play(fn, server="wrong_host", order=("ca", "other_ca"))


def test_one_root_by_its_name():
    async def fn(b):
        await b.boot()
        assert not b.csms.refusals

    play(fn, server="other_server", ca_file="public/other_ca")

    async def wrong(b):
        await _refused_for_good(b)

    play(wrong, server="other_server", ca_file="public/ca")

    async def file(b):
        await b.until(lambda: b.logged("CaFile: no file public.pem"), 30)

    play(file, ca_file="public.pem")

    async def unknown(b):
        await b.until(lambda: b.logged("CaFile: no public root is called nobody"), 30)
        assert not b.calls()

    play(unknown, ca_file="public/nobody")


def test_a_file_server_of_another_authority_than_the_central_system():
    async def fn(b):
        await b.boot()
        async with http(b, context=certs.server_context("server")) as server:
            file = await diagnostics(b, server.url + "/in/", retries=0)
            await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded")
            assert "/in/" + file in server.uploads
        async with http(b, context=certs.server_context("wrong_host")) as server:
            await diagnostics(b, server.url + "/in/", retries=0)
            await statuses(b, DIAGNOSTICS, "Uploading", "UploadFailed")
            assert not server.uploads

    play(fn, server="other_server")
