# Set-up over the cable: tools/usb_setup.py against MicroPython's own prompt.
# MIT license; part of microevse
"""The prompt is the unix port's on a pseudo terminal, in front of a Twin's flash image; the
same image is then started as a charger."""

import asyncio
import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import threading
import tty
import types

import pytest
from bench import ID, Bench
from tools_paths import ROOT, tool
from twin.host import Twin

sys.path.insert(0, str(ROOT / "tools"))

import usb_setup as usb  # noqa: E402
from provisioning import Refused, pairs, provision  # noqa: E402

MICROPYTHON = tool("micropython")
needs_micropython = pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel")
# A certificate is not looked into before the connection is made.
CA = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" * 20


@contextlib.contextmanager
def prompt(data):
    """A board at its prompt; yields (port, list of its output at the end)."""
    ours, theirs = pty.openpty()
    board = subprocess.Popen(
        [MICROPYTHON, "-i", str(ROOT / "host_tests" / "support" / "repl_board.py"), str(data)],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.STDOUT,
    )
    # The pseudo terminal stands for the cable: two ends, one each.
    line, far = pty.openpty()
    said = bytearray()

    def carry(source, sink, log=None):
        with contextlib.suppress(OSError):
            while True:
                data = os.read(source, 1024)
                if log is not None:
                    log += data
                os.write(sink, data)

    for pair in ((ours, line, said), (line, ours)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
    tty.setraw(theirs)
    tty.setraw(far)
    try:
        yield os.ttyname(far), said, board
    finally:
        board.kill()
        board.wait()
        for fd in (ours, theirs, line, far):
            os.close(fd)


def image(folder):
    """A charger that was flashed and never set up."""
    data = folder / "board"
    (data / "vfs").mkdir(parents=True)
    (data / "vfs" / "board.json").write_text(json.dumps(Twin().board))
    return data


def values(**more):
    return ["%s=%s" % item for item in more.items()]


def start(data, fn, **options):
    """The charger of this image with the CSMS of Bench; `fn(b)`."""

    async def inside():
        b = Bench(data=data, provision={"NtpServer": ""}, **options)
        await b.csms.start()
        url = b.csms.url
        b._twin_options["csms"] = b._twin_options["id"] = None
        try:
            await fn(b, url)
        finally:
            if b.twin:
                await b.twin.stop()
            await b.csms.stop()

    asyncio.run(asyncio.wait_for(inside(), 60))


@needs_micropython
def test_one_command_sets_up_a_new_charger(tmp_path, capsys):
    data = image(tmp_path)

    async def fn(b, url):
        with prompt(data) as (port, said, board):
            done = await asyncio.to_thread(
                usb.main,
                [port, *values(WifiSsid="Garage", WifiPassword="correct horse", MaxCurrent="10",
                               CentralSystemURI=url, ChargePointId=ID, WebPassword="8 chars!")],
            )  # fmt: skip
            out = capsys.readouterr()
            assert done == 0, out
            board.wait(10)
            assert b"RESET " in said and b"mEVS" in said, "marked: no crash"
        assert "Stored: CentralSystemURI, ChargePointId, MaxCurrent, W" in out.out
        label = re.search(r"WiFi (microevse-0001), password ([a-z2-9-]{14})", out.out).groups()
        assert "correct horse" not in out.out + out.err
        # The whole charger now starts with it.
        await b.start_twin()
        await b.start_of_day()
        assert (await b.configuration("MaxCurrent"))["MaxCurrent"] == "10"
        assert not b.logged("set-up: WiFi")
        # And its label is that of its access point.
        await b.advance(2)
        await b.do("button", seconds=11)
        await b.until(lambda: b.logged("set-up: WiFi"), 30)
        assert "WiFi %s, password %s," % label in b.logged("set-up: WiFi")[0]
        b.check()

    start(data, fn)


@needs_micropython
def test_command_counts_more_than_what_was_set_since(tmp_path, capsys):
    data = image(tmp_path)

    async def fn(b, url):
        (data / "vfs" / "config.json").write_text(provision({"WifiSsid": "Garage"}))
        await b.start_twin()
        await b.advance(1)
        for key, value in (("MaxCurrent", "20"), ("CentralSystemURI", url), ("ChargePointId", ID)):
            await b.do("set", key=key, value=value)
        await b.start_of_day()
        await b.twin.stop()
        with prompt(data) as (port, said, board):
            args = [port, "MaxCurrent=13"]
            assert await asyncio.to_thread(usb.main, args) == 0, capsys.readouterr()
        await b.start_twin()
        b.skip()
        await b.expect("BootNotification", within=60)
        await b.advance(1)
        assert (await b.configuration("MaxCurrent"))["MaxCurrent"] == "13"

    start(data, fn)


@needs_micropython
def test_charger_refuses_what_only_it_can_know(tmp_path, capsys):
    data = image(tmp_path)
    with prompt(data) as (port, said, board):
        repl = usb.RawRepl(port)
        with pytest.raises(Refused) as refused:
            usb.apply(repl.run, {"CentralSystemURI": "wss://csms.example/", "ChargePointId": "x"})
        assert list(refused.value.errors) == ["CaFile"]
        assert not (data / "vfs" / "config.json").exists()
        with pytest.raises(Refused) as refused:
            usb.apply(repl.run, {"SecurityProfile": "1"})
        assert list(refused.value.errors) == ["AuthorizationKey"]
        good = {"CentralSystemURI": "wss://csms.example/", "ChargePointId": "x"}
        good["CaFile"] = "ca.pem"
        good["WifiSsid"] = "Caf\u00e9 'n\" \\ Bar"
        assert usb.apply(repl.run, good, CA)
        assert (data / "vfs" / "ca.pem").read_text() == CA
        stored = json.loads((data / "vfs" / "config.json").read_text())["settings"]
        assert stored == good
        # An error of the board's is told in one line.
        with pytest.raises(usb.Trouble) as trouble:
            repl.run("open('/nowhere/at/all')")
        assert str(trouble.value) == "the charger says: OSError: [Errno 2] ENOENT"
        repl.close()


def test_mistakes_are_told_before_the_charger_is_stopped(tmp_path, capsys, monkeypatch):
    port = tmp_path / "no_port"
    keys, good = tmp_path / "keys.pem", tmp_path / "good.pem"
    good.write_text(CA)
    keys.write_text(CA + "-----BEGIN EC PRIVATE KEY-----\n")
    (tmp_path / "\u00e4.der").write_bytes(b"0\x82\xff")
    for words, told in (
        (["MaxCurrent=5"], "MaxCurrent must be 6 to 80 A"),
        (["Nonsense=1"], "Nonsense: there is no such setting"),
        (["WifiSsid"], "'WifiSsid' is not Key=Value"),
        (["WifiSsid=Garage", "WifiPassword=short"], "WifiPassword must be 8 to 63"),
        (["CaFile=/home/me/ca.pem"], "CaFile is the name of a file on the charger"),
        (["--ca", str(tmp_path / "none.pem")], "none.pem cannot be read: No such file"),
        (["--ca", str(keys)], "holds a private key"),
        (["--ca", str(tmp_path / "\u00e4.der")], "holds no certificate"),
        (["--ca", str(good)], "cannot be opened: No such file"),
        (["MaxCurrent=16"], "cannot be opened: No such file"),
    ):
        assert usb.main([str(port), *words]) == 1
        assert told in capsys.readouterr().err, words
    for words in ([], [str(port)]):
        assert usb.main(words) == 1
        assert "make setup SET=" in capsys.readouterr().err, words
    # Without a port it is the only one on USB, as with `make flash`.
    monkeypatch.setattr(usb.seriallink.list_ports, "comports", lambda: [])
    assert usb.main(["MaxCurrent=16"]) == 1
    assert "no board found" in capsys.readouterr().err
    only = types.SimpleNamespace(device=str(port), vid=1)
    monkeypatch.setattr(usb.seriallink.list_ports, "comports", lambda: [only])
    assert usb.main(["MaxCurrent=16"]) == 1
    assert "no_port cannot be opened" in capsys.readouterr().err
    port.write_text("no terminal")
    assert usb.main([str(port), "MaxCurrent=16"]) == 1
    assert "is no serial port" in capsys.readouterr().err


def test_silent_port_is_told(monkeypatch):
    ours, theirs = pty.openpty()
    try:
        monkeypatch.setattr(usb.time, "sleep", lambda s: None)
        monkeypatch.setattr(usb.RawRepl, "_until", _impatient(usb.RawRepl._until))
        with pytest.raises(usb.Trouble) as trouble:
            usb.RawRepl(os.ttyname(theirs))
        assert "no MicroPython answers" in str(trouble.value)
    finally:
        os.close(ours)
        os.close(theirs)


def _impatient(until):
    return lambda self, end, seconds: until(self, end, 0.05)


def test_file_is_merged_and_every_error_is_named():
    text = provision({"MaxCurrent": "16"}, '{"settings": {"WifiSsid": "Garage"}, "start": {}}')
    assert json.loads(text) == {
        "settings": {"MaxCurrent": "16", "WifiSsid": "Garage"},
        "start": {},
    }
    with pytest.raises(Refused) as refused:
        provision({"MaxCurrent": "99", "WebPassword": "short", "FreeMode": "true"})
    assert sorted(refused.value.errors) == ["MaxCurrent", "WebPassword"]
    for text, told in (
        ("[]", "no JSON object"),
        ("{", "config.json is no JSON: "),
        ('{"settings": 1}', "settings: must be an object"),
        ("[" * 100000, "nested too deep"),
    ):
        with pytest.raises(ValueError, match=told):
            provision({}, text)
    asked = []
    typed = pairs(["A=1=2", "B=?"], lambda text: asked.append(text) or "x")
    assert typed == {"A": "1=2", "B": "x"}
    assert asked == ["B: "]
