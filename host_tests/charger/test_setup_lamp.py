# The first set-up without a cable and without a label: the lamp tells the password.
# MIT license; part of microevse
"""The whole firmware on the virtual board. The test looks at the lamp as a person does, counts the
blinks, and joins with what it has counted."""

import asyncio
import json
import math
import re
import sys
import types

import pytest
from commissioning import blink_code
from setup_air import SAID, fresh
from twin.host import load_board
import label_files

UNIT = "240ac4a1b2c3"
LOOK_S = 0.1


def play(fn, board=None, **more):
    """A charger that was just flashed, in the air of the set-up tests."""
    if board:
        more["board"] = board
    fresh(fn, options={"unique_id": UNIT}, **more)


def with_leds(tmp_path, leds):
    profile = {**load_board("esp32_devkitc"), "leds": leds}
    profile.pop("button")  # GPIO 0 is free then
    path = tmp_path / "board.json"
    path.write_text(json.dumps(profile))
    return str(path)


async def watched(b, lit, seconds):
    """[(lit, seconds), ...] of the lamp, looked at ten times a second."""
    seen = []
    for _ in range(int(seconds / LOOK_S)):
        now = lit(await b.do("lamps"))
        if seen and seen[-1][0] == now:
            seen[-1][1] += LOOK_S
        else:
            seen.append([now, LOOK_S])
        await b.advance(LOOK_S)
    return seen


def counted(seen):
    """The digits of the first whole showing, as a person counts them: after a long light, blinks
    that are close together are one digit."""
    starts = [i for i, (on, s) in enumerate(seen) if on and s > 2]
    assert len(starts) >= 2, seen
    digits, blinks = "", 0
    for on, seconds in seen[starts[0] + 1 : starts[1] + 1]:
        if on and seconds < 1:
            blinks += 1
        elif seconds > 0.8 and blinks:
            digits += str(blinks)
            blinks = 0
    return digits


async def opened(b):
    await b.until(lambda: b.logged("is open, page"), 30)
    return [SAID.search(line) for line in b.logged("set-up: WiFi")][-1].groups()


def a_lamp(name):
    return lambda answer: answer["lamps"][name]


def any_pixel(answer):
    return any(max(pixel) > 0 for pixel in answer["strip"])


def test_a_person_reads_the_password_off_the_lamp_and_joins():
    async def fn(b):
        name, key, _ = await opened(b)
        code = counted(await watched(b, a_lamp("wifi"), 200))
        assert code == key and re.fullmatch("[1-6]{20}", code)
        assert not (await b.twin.command({"do": "join_ap", "ssid": name, "key": code[:-1] + "0"}))[
            "ok"
        ]
        await b.do("join_ap", ssid=name, key=code)
        assert not [line for line in b.log if code in line and "set-up: WiFi" not in line]
        # The other lamps go on showing the charger's state.
        assert not (await b.do("lamps"))["lamps"]["error"]

    play(fn)


def test_a_strip_shows_it_too(tmp_path):
    async def fn(b):
        _, key, _ = await opened(b)
        assert counted(await watched(b, any_pixel, 200)) == key

    play(fn, with_leds(tmp_path, {"ws2812": {"pin": 23, "count": 3}}))


def test_each_opening_has_another_code_and_the_lamp_is_free_again_after():
    async def fn(b):
        first = (await opened(b))[1]
        await b.advance(2)
        await b.do("power_cut", seconds=1)
        count = len(b.logged("set-up: WiFi"))
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        second = (await opened(b))[1]
        assert len(first) == len(second) == 20 and first != second
        await b.until(lambda: b.logged("is closed: nobody set it up"), 700)
        seen = await watched(b, a_lamp("wifi"), 10)
        assert max(s for on, s in seen if on) < 0.3, "no network: short blinks, as documented"

    play(fn)


def test_no_lamp_tells_a_password_where_a_label_exists():
    """The secret was given when the charger was flashed: its label is known, and true."""
    secret = "00112233445566778899aabbccddeeff"

    async def fn(b):
        name, key, _ = await opened(b)
        assert (name, key) == label_files.network(UNIT, secret)
        seen = await watched(b, a_lamp("wifi"), 20)
        assert max(s for on, s in seen if on) < 0.3

    play(fn, provision={"NtpServer": "", "SetupKey": secret})


def test_the_button_of_a_charger_that_is_set_up_gives_no_code():
    """Who has the button and the lamp must not get into a charger that belongs to somebody."""

    async def fn(b):
        await b.advance(3)
        await b.do("button", seconds=11)
        await b.until(lambda: b.logged("set-up: WiFi"), 30)
        key = (await opened(b))[1]
        assert re.fullmatch("[a-z2-9]{4}(-[a-z2-9]{4}){2}", key), "that of the label"
        seen = await watched(b, a_lamp("wifi"), 20)
        assert not [s for on, s in seen if on and 2 < s < 3]

    play(fn, provision={"NtpServer": "", "WifiSsid": "Garage", "WifiPassword": "correct horse"})


def test_a_board_without_lamps_has_the_label_alone(tmp_path):
    async def fn(b):
        assert len((await opened(b))[1]) == 14

    play(fn, "esp32_devkit_min")


LOCKED = {"NtpServer": "", "ConsoleLocked": "true", "WebPassword": "long enough 1"}
NO_PASSWORD = "set-up: this console is locked and tells no password"


async def silent(b):
    """The set-up network is open, and its password was printed nowhere."""
    await b.until(lambda: b.logged("is open, page"), 30)
    assert b.logged(NO_PASSWORD)
    assert not [line for line in b.log if SAID.search(line)]


def test_a_locked_console_tells_no_password_of_a_charger_that_is_set_up():
    """It was closed, and went on telling a listener the password of the label."""

    async def fn(b):
        await b.advance(3)
        await b.do("button", seconds=11)
        await silent(b)
        answer = await b.twin.command({"do": "join_ap", "ssid": "microevse-b2c3", "key": ""})
        assert not answer["ok"], "it has a password all the same"

    play(fn, provision={**LOCKED, "WifiSsid": "Garage", "WifiPassword": "correct horse"})


def test_a_locked_console_leaves_the_code_to_the_lamp_and_the_label_to_the_owner(tmp_path):
    async def lamp(b):
        await silent(b)
        code = counted(await watched(b, a_lamp("wifi"), 200))
        await b.do("join_ap", ssid="microevse-b2c3", key=code)

    play(lamp, provision=LOCKED)
    secret = "00112233445566778899aabbccddeeff"
    for board in (None, "esp32_devkit_min"):

        async def label(b):
            await silent(b)
            name, key = label_files.network(UNIT, secret)
            await b.do("join_ap", ssid=name, key=key)

        play(label, board, provision={**LOCKED, "SetupKey": secret})


def test_a_locked_charger_without_owner_label_and_lamp_tells_a_code_for_one_opening():
    """After a factory reset nobody would ever get in again. The next opening has another code, and
    what was printed is worth nothing once somebody owns the charger."""

    async def fn(b):
        first = (await opened(b))[1]
        assert re.fullmatch("[1-6]{20}", first) and not b.logged("the lamp shows")
        await b.do("join_ap", ssid="microevse-b2c3", key=first)
        await b.advance(2)
        await b.do("power_cut", seconds=1)
        count = len(b.logged("set-up: WiFi"))
        await b.until(lambda: len(b.logged("set-up: WiFi")) > count, 30)
        second = (await opened(b))[1]
        assert re.fullmatch("[1-6]{20}", second) and first != second

    play(fn, "esp32_devkit_min", provision=LOCKED)


def test_codes_are_random_and_long_enough():
    codes = [blink_code.draw() for _ in range(300)]
    assert len(set(codes)) == 300
    for digit in "123456":
        share = "".join(codes).count(digit) / (300 * blink_code.DIGITS)
        assert abs(share - 1 / 6) < 0.03, digit
    assert math.log2(blink_code.VALUES**blink_code.DIGITS) > 51
    # WPA2 takes 8 to 63 characters.
    assert 8 <= blink_code.DIGITS <= 63


def test_a_byte_that_would_favour_a_digit_is_drawn_again(monkeypatch):
    bytes_ = iter([255, 252, 0, 5, 251] + [1] * 40)
    monkeypatch.setattr(blink_code, "urandom", lambda count: bytes([next(bytes_)]))
    assert blink_code.draw() == "166" + "2" * 17


def test_a_showing_takes_less_than_two_minutes():
    for code in ("1" * 20, "6" * 20):
        assert sum(ms for _, ms in blink_code.steps(code)) < 120000
    lit = [on for on, _ in blink_code.steps("12" * 10)]
    assert lit.count(True) == 1 + 30
    assert all(a != b for a, b in zip(lit, lit[1:])), "each step is a change of the lamp"


class _Recorder:
    """Notes the names of the methods that are called; `open` fails, which ends the opening."""

    def __init__(self):
        self.calls = []
        self.clock = self.ap = self
        self.name, self.address = "microevse-0001", "192.168.4.1"

    def __getattr__(self, name):
        def call(*args):
            self.calls.append(name)
            if name == "open":
                raise OSError(5)

        return call


def test_the_radio_is_on_before_a_password_is_drawn(monkeypatch):
    """Else the chip's random numbers would not be random (docs/chip.md)."""
    for name in ("hal", "hal.board", "hal.system", "hal.softap"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name in ("board", "system"):
        setattr(sys.modules["hal"], name, sys.modules["hal." + name])
    sys.modules["hal.softap"].SoftAp = None
    monkeypatch.delitem(sys.modules, "commissioning.access_point", raising=False)
    from commissioning import access_point

    session = _Recorder()
    try:
        with pytest.raises(OSError):
            asyncio.run(access_point.hold(session, None))
    finally:
        del sys.modules["commissioning.access_point"]
    calls = session.calls
    assert (
        calls.index("wake") < calls.index("code") < calls.index("password") < calls.index("open")
    )
