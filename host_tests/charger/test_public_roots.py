# Public root certificates: a central system of any authority, with nothing pasted.
# MIT license; part of microevse
"""`CaFile=public`, with real TLS servers. Authorities of our own stand for the public ones; the
real ones are looked at in host_tests/project/test_public_roots_file.py."""

import asyncio
import contextlib
import pathlib
import shutil
import ssl
import tempfile

import certs
import public_roots
from compiled import directories
from firmware_files import DIAGNOSTICS, diagnostics, http, statuses
from secure import SecureBench, secure
from tools_paths import ROOT

ORDER = ("stranger", "ca", "other_ca")
UNTRUSTED = "the server's certificate is not from the given CA"


def der(name):
    return ssl.PEM_cert_to_DER_cert((certs.chains().folder / (name + ".pem")).read_text())


@contextlib.asynccontextmanager
async def charger(server="server", ca_file="public", order=ORDER, **more):
    """A charger that carries the roots of `order`, and a central system with that certificate."""
    certs.chains()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(ROOT / "firmware" / "roots.py", folder)
        roots = {name: der(name) for name in order}
        (folder / "roots.der").write_bytes(public_roots.packed(roots))
        options = secure(server, **more)
        del options["ca"]
        options["compiled"] = None
        cpython = more.get("runtime") == "cpython"
        rest = [ROOT / "firmware", ROOT / "lib"] if cpython else directories()
        async with SecureBench(
            firmware=[folder, *rest], settings={"CaFile": ca_file}, **options
        ) as b:
            yield b


def play(fn, **options):
    async def inside():
        async with charger(**options) as b:
            await fn(b)

    asyncio.run(asyncio.wait_for(inside(), 120))


async def _refused_for_good(b, first, later):
    """Three attempts, with so many handshakes each; nothing is told to the stranger."""

    def ended():
        return len(b.logged("W net: the server's certificate"))

    await b.until(lambda: ended() >= 3, 200, "refused attempts")
    # The next attempt begins a second later at the earliest.
    assert len(b.csms.refusals) == first + later * (ended() - 1), (b.csms.refusals, ended())
    for charger_id, reason in b.csms.refusals:
        assert charger_id is None and reason.startswith("TLS"), reason
    assert not b.calls(), "not a message got through"


def test_the_root_is_found_with_a_second_handshake_and_remembered():
    async def fn(b):
        await b.boot()
        assert len(b.csms.refusals) == 1, "the first root; then the one that the chain names"
        assert not b.logged("not from the given CA"), "one attempt, told as one"
        # The connection is lost: the root that worked is the first one now.
        await b.do("network", up=False)
        await b.advance(5)
        count = len(b.csms.connections)
        await b.do("network", up=True)
        await b.until(lambda: len(b.csms.connections) > count, 300, "it is back")
        assert len(b.csms.refusals) == 1

    play(fn, server="other_server")


def test_the_first_root_needs_no_second_handshake():
    async def fn(b):
        await b.boot()
        assert not b.csms.refusals

    play(fn, server="of_stranger")


def test_the_root_of_a_longer_chain_is_found():
    async def fn(b):
        await b.boot()
        assert len(b.csms.refusals) == 1

    for server in ("chained", "crossed", "crossed_both"):
        play(fn, server=server)


def test_a_root_that_two_authorities_vouch_for_is_found_by_either():
    """Only the elder authority's certificate is carried: the chain goes one further."""

    async def fn(b):
        await b.boot()
        assert len(b.csms.refusals) == 1

    play(fn, server="crossed", order=("stranger", "elder"))
    play(fn, server="crossed_both", order=("stranger", "ca"))


def test_a_server_of_no_root_costs_one_handshake_and_is_told_nothing():
    """Each of thirteen roots was tried: thirteen stalls, and thirteen sockets that lwIP keeps for
    two minutes."""

    async def fn(b):
        await _refused_for_good(b, 1, 1)
        assert b.logged(UNTRUSTED)

    play(fn, server="other_server", order=("stranger", "ca"))


def test_a_chain_with_a_gap_is_refused():
    async def fn(b):
        await _refused_for_good(b, 1, 1)
        assert b.logged(UNTRUSTED)

    play(fn, server="alone")


def test_an_authority_of_the_same_name_with_another_key_is_refused():
    async def fn(b):
        # Once with the root of this name; it is the first one from then on, and there is no other.
        await _refused_for_good(b, 2, 1)
        assert b.logged(UNTRUSTED)

    play(fn, server="impostor")

    async def two_names(b):
        await _refused_for_good(b, 2, 2)  # each attempt has another one to try, and not a third
        assert b.logged(UNTRUSTED)

    play(two_names, server="impostor_both")


def test_the_host_name_is_checked_with_public_roots_too():
    async def fn(b):
        await _refused_for_good(b, 2, 1)
        assert b.logged("the server's certificate is for another name")
        assert not b.logged("not from the given CA"), "found: told as what is wrong with it"

    play(fn, server="wrong_name")


def test_a_certificate_that_has_expired_is_refused():
    async def fn(b):
        await _refused_for_good(b, 2, 1)
        assert b.logged("the server's certificate has expired")
        assert not b.logged("not from the given CA")

    play(fn, server="late")


def test_one_root_by_its_name():
    async def fn(b):
        await b.boot()
        assert not b.csms.refusals

    play(fn, server="other_server", ca_file="public/other_ca")

    async def wrong(b):
        await _refused_for_good(b, 1, 1)

    play(wrong, server="other_server", ca_file="public/ca")

    async def file(b):
        await b.until(lambda: b.logged("CaFile: no file public.pem"), 30)

    play(file, ca_file="public.pem")

    async def unknown(b):
        await b.until(lambda: b.logged("CaFile: no public root is called nobody"), 30)
        assert not b.calls()

    play(unknown, ca_file="public/nobody")


def test_all_roots_at_once_where_the_interpreter_tells_no_chain():
    async def fn(b):
        await b.boot()
        assert not b.csms.refusals

    play(fn, server="other_server", runtime="cpython")

    async def refused(b):
        await _refused_for_good(b, 1, 1)

    play(refused, server="impostor", runtime="cpython")


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
        for name in ("impostor", "impostor_both"):
            async with http(b, context=certs.server_context(name)) as server:
                await diagnostics(b, server.url + "/in/", retries=0)
                await statuses(b, DIAGNOSTICS, "Uploading", "UploadFailed")
                assert not server.uploads

    play(fn, server="other_server")
