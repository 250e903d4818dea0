# OCPP 1.6 security certification cases: updates that the manufacturer has signed.
# MIT license; part of microevse
"""Each test is the case it is named after, or says what it is about. The whole firmware with real
bundles; `cryptography` is the manufacturer."""

import pathlib
import tempfile

import signing
import update_kit
from bench import scenario
from compiled import directories
from csms.server import CallError
from firmware_files import PAST, http, iso
from page_request import BASIC, PASSWORD, Upload, request
from twin.host import load_board

STATUS = "SignedFirmwareStatusNotification"
PLAIN = "FirmwareStatusNotification"
EVENT = "SecurityEventNotification"
NEW = "9.9.9"


def provisioned(fn=None, files=(), **options):
    """A scenario on a charger with the manufacturer's root in its file system; `files`: {name:
    content} of more."""

    def wrap(fn):
        def test():
            with tempfile.TemporaryDirectory() as folder:
                vfs = pathlib.Path(folder, "vfs")
                vfs.mkdir()
                for name, content in {
                    "manufacturer.pem": signing.pem(signing.root()),
                    **dict(files),
                }.items():
                    if content is not None:
                        (vfs / name).write_text(content)
                scenario(fn, firmware=directories(), data=folder, **options)()

        test.__name__ = test.__qualname__ = fn.__name__
        test.__doc__, test.__module__ = fn.__doc__, fn.__module__
        return test

    return wrap(fn) if fn else wrap


async def ask(b, location, number=1, chain=None, signature="", at=PAST, install_at=None, **more):
    """The status that answers SignedUpdateFirmware."""
    firmware = {
        "location": location,
        "retrieveDateTime": at,
        "signingCertificate": signing.pem(signing.signer()) if chain is None else chain,
        "signature": signature,
    }
    if install_at is not None:
        firmware["installDateTime"] = install_at
    answer = await b.call(
        "SignedUpdateFirmware", {"requestId": number, "firmware": firmware, **more}
    )
    assert list(answer) == ["status"]
    return answer["status"]


async def told(b, number, *wanted, within=60):
    """Exactly these words about that update, in this order."""
    for status in wanted:
        assert await b.expect(STATUS, within) == {"status": status, "requestId": number}


async def events(b, kind):
    """The infos of the events of that kind in the log on flash, from the page."""
    await b.advance(4)
    status, text = await request(b, "GET", "/api/v1/security_log", BASIC)
    assert status == 200
    rows = [line.split("\t") for line in text.splitlines()]
    return [row[7] for row in rows if len(row) > 7 and row[5] == kind]


# -- the certification cases ---------------------------------------------------------------


@provisioned
async def test_TC_080_CS(b):
    """Signed by the manufacturer: every step is told with the number of the request, the last one
    by the new program."""
    await b.boot()
    data = update_kit.make(NEW, broken=update_kit.QUICK_TRIAL)
    async with http(b) as server:
        server.files["/fw"] = data
        answer = await ask(b, server.url + "/fw", 11, signature=signing.sign(data))
        assert answer == "Accepted"
        await told(
            b, 11, "Downloading", "Downloaded", "SignatureVerified", "Installing",
            "InstallRebooting",
        )  # fmt: skip
        boot = await b.start_of_day()
    assert boot["firmwareVersion"] == NEW
    await told(b, 11, "Installed")
    await b.until(lambda: b.calls(EVENT, type="FirmwareUpdated"), 90)
    await b.none(STATUS, for_=30)
    assert not b.calls(PLAIN)
    await b.do("reboot")
    assert (await b.start_of_day())["firmwareVersion"] == NEW
    await b.none(STATUS, for_=30)  # told once, not at every start
    await b.charging()


@provisioned
async def test_TC_081_CS(b):
    """A wrong signature: it is told, and not installed; the right one is installed after it."""
    await b.boot()
    data = update_kit.make(NEW, broken=update_kit.QUICK_TRIAL)
    async with http(b) as server:
        server.files["/fw"] = data
        for number, wrong in enumerate((signing.sign(data + b"x"), signing.sign(data, "Other"))):
            assert await ask(b, server.url + "/fw", number, signature=wrong) == "Accepted"
            await told(b, number, "Downloading", "Downloaded", "InvalidSignature")
            assert len(b.logged("the signature over the file is wrong")) == number + 1
            await b.none("BootNotification", for_=30)
        await b.none(STATUS, for_=0)
        good = signing.sign(data)
        assert await ask(b, server.url + "/fw", 5, signature=good) == "Accepted"
        await told(
            b, 5, "Downloading", "Downloaded", "SignatureVerified", "Installing",
            "InstallRebooting",
        )  # fmt: skip
    assert (await b.start_of_day())["firmwareVersion"] == NEW


# -- the signing certificate ---------------------------------------------------------------


@provisioned(settings={"WebPassword": PASSWORD})
async def test_a_certificate_that_is_not_to_be_believed_is_refused_with_a_sentence(b):
    """Each kind of it; a chain with an intermediate, and RSA, are taken after that."""
    await b.boot()
    async with http(b) as server:
        for name, chain, words in signing.bad_chains():
            before = len(b.logged(words))
            answer = await ask(b, server.url + "/fw", chain=chain, signature="AAAA")
            assert answer == "InvalidCertificate", name
            assert len(b.logged(words)) > before, name
        await b.none(STATUS, for_=10)
        assert server.requests == []
        found = await events(b, "signing_certificate")
        assert any("has expired" in info for info in found)
        data = server.files["/fw"] = update_kit.small(version="0.0.1")
        middle = signing.issue("Middle", "Maker", ca=True)
        below = signing.issue("Below", "Middle")
        signing.signer("rsa")
        chains = (
            (signing.pem(below, middle), signing.sign(data, "Below")),
            (signing.pem(signing.signer("rsa")), signing.sign(data, "Signer rsa", "rsa")),
            (signing.pem(signing.signer("rsa")), signing.sign(data, "Signer rsa", "rsa", True)),
        )
        for number, (chain, signature) in enumerate(chains):
            # Far enough that it is not installed here.
            answer = await ask(
                b, server.url + "/fw", number, chain, signature, install_at=iso(b.now + 5000)
            )
            assert answer == ("AcceptedCanceled" if number else "Accepted")
            await told(
                b, number, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"
            )


@scenario(firmware=directories())
async def test_without_a_root_no_certificate_is_believed(b):
    await b.boot()
    assert await ask(b, "http://127.0.0.1:9/fw", signature="AAAA") == "InvalidCertificate"
    assert b.logged("no root is installed")


@scenario(board=dict(load_board("esp32_devkitc"), features="named"), firmware=directories())
async def test_a_charger_that_fetches_no_files_says_so(b):
    await b.boot()
    try:
        await ask(b, "http://127.0.0.1:9/fw", signature="AAAA")
    except CallError as error:
        assert error.code == "NotSupported"
    else:
        raise AssertionError("answered")


# -- the file ------------------------------------------------------------------------------


@provisioned
async def test_the_manufacturers_signature_makes_no_good_file_of_a_bad_one(b):
    """Signed, and no bundle, or one for another board: it is verified, and not installed."""
    await b.boot()
    async with http(b) as server:
        damaged = bytearray(update_kit.small())
        damaged[20000] ^= 1
        files = (b"\xff\xd8\xff\xe0" * 5000, bytes(damaged), b"")
        for number, data in enumerate(files):
            server.files["/fw"] = data
            answer = await ask(b, server.url + "/fw", number, None, signing.sign(data), retries=0)
            assert answer == "Accepted"
            await told(b, number, "Downloading", "Downloaded", "SignatureVerified", "Installing")
            await told(b, number, "InstallVerificationFailed")
        assert await ask(b, server.url + "/none", 7, signature=signing.sign(b""), retries=0)
        await told(b, 7, "Downloading", "DownloadFailed")
        for signature in ("", "====", "A" * 800):
            answer = await ask(b, server.url + "/fw", 8, signature=signature)
            assert answer == "Rejected"
    await b.none("BootNotification", for_=20)
    await b.none(STATUS, for_=0)


# -- who else may install ------------------------------------------------------------------


@provisioned(settings={"WebPassword": PASSWORD})
async def test_what_nobody_has_signed_is_not_taken_beside_a_root(b):
    """Else the signature could be gone around: not from the central system, nor from the page."""
    await b.boot()
    async with http(b) as server:
        server.files["/fw"] = update_kit.small()
        error = await b.call_error(
            "UpdateFirmware", {"location": server.url + "/fw", "retrieveDate": PAST}
        )
        assert error.code == "SecurityError" and "must be signed" in error.description
        assert server.requests == []
    status, text = await Upload(b, update_kit.small()).answer()
    assert status == 400 and "updates must be signed" in text
    assert any("must be signed" in info for info in await events(b, "firmware_signature"))
    await b.none("BootNotification", for_=10)


# -- times ---------------------------------------------------------------------------------


@provisioned
async def test_dates_are_kept_over_a_restart_and_one_far_away_is_refused(b):
    """What was fetched is lost by a restart, and fetched again."""
    await b.boot()
    data = update_kit.small()
    fetched = ("Downloading", "Downloaded", "SignatureVerified", "InstallScheduled")
    async with http(b) as server:
        server.files["/fw"] = data
        where, signature = server.url + "/fw", signing.sign(data)
        far = "2099-01-01T00:00:00Z"
        assert await ask(b, where, 1, None, signature, install_at=far) == "Rejected"
        at, install_at = iso(b.now + 25), iso(b.now + 90)
        assert await ask(b, where, 2, None, signature, at, install_at) == "Accepted"
        await told(b, 2, "DownloadScheduled")
        for _ in range(2):
            await b.do("power_cut", seconds=5)
            await b.start_of_day(within=90)
            await told(b, 2, *fetched)
        assert 25 <= b.now < 70
        await told(b, 2, "Installing", "InstallRebooting", within=60)
        assert b.now >= 90
        b.allow_trouble = True  # that image does not start
        assert (await b.start_of_day(within=90))["firmwareVersion"] == "0.1.0"
        await told(b, 2, "InstallationFailed")


@provisioned
async def test_a_request_while_a_car_charges_is_checked_before_its_file_is_fetched(b):
    await b.boot()
    entry = await b.charging()
    async with http(b) as server:
        data = server.files["/fw"] = update_kit.small()
        where = server.url + "/fw"
        bad = signing.bad_chains()[0][1]
        assert await ask(b, where, 1, bad, signing.sign(data)) == "Accepted"
        await b.none(STATUS, for_=30)
        await b.call("RemoteStopTransaction", {"transactionId": entry.id})
        await told(b, 1, "InvalidSignature")
        assert server.requests == [] and b.logged("has expired")
