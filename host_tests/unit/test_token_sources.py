# Reader and page say what kind of token they have.
# MIT license; part of microevse

import asyncio

from fake_chip import PARTS, Hal
from helpers import run
from ocpp16.transactions import Transactions
from station_parts import Charger
from store import kinds


class Reader:
    """Shows these tokens, one after the other."""

    def __init__(self, *tokens):
        self.tokens = list(tokens)
        self.kind = "Local"

    async def next_tag(self):
        if not self.tokens:
            await asyncio.sleep(60)
        token, self.kind = self.tokens.pop(0)
        return token


class Parts:
    def __init__(self, reader):
        self._reader = reader

    def reader(self, report):
        return self._reader


class Whole:
    """The parts of a charger that the page uses."""

    board = {}

    def __init__(self, charger):
        self.station = charger.station
        self.settings = charger.settings


def begun(c):
    """The session that has begun, ended and taken away again."""
    session = c.connector.session
    found = session.token, session.kind
    c.connector.request_stop("other")
    return found


def test_a_reader_says_the_protocol_of_each_card():
    from wiring.user_interface import UserInterface

    for card in (("04A3B2C1", "ISO14443"), ("E004010203040506", "ISO15693"), ("BAR", "Local")):
        c = Charger(settings={"AllowOfflineTxForUnknownId": "true"})
        c.online = False
        shown = UserInterface({}, c.station, Parts(Reader(card)), None, c.settings, lambda: False)

        async def body(c=c, shown=shown):
            c.evse.plug()
            task = asyncio.create_task(shown._read_tokens())
            await asyncio.sleep(0.05)
            task.cancel()
            await c.pass_s(1)

        run(body())
        assert begun(c) == card


def start_of(wanted, settings, *doings):
    """(token's kind, remote start id, trigger) of the START record after these doings."""

    async def story():
        c = Charger(settings=settings)
        c.known["CARD"] = ("accepted", None)
        for do in doings:
            answer = do(c)
            if answer is not None:
                await answer
            await asyncio.sleep(0.01)  # a check beside it comes to its end
            await c.pass_s(1)
        return c

    c = run(story())
    [start] = c.records(kinds.START)
    assert tuple(start[7:]) == wanted, (start, settings)
    session = c.connector.session
    assert session.kind == ("" if wanted[0] == "Central" else wanted[0])
    # 1.6 renders it as ever: what it has no field for is left out.
    message = Transactions(None, c.station).render(kinds.START, start)[1]
    assert sorted(message) == ["connectorId", "idTag", "meterStart", "timestamp"]


def plug(c):
    c.evse.plug()


def card(kind):
    return lambda c: c.station.present_token("CARD", kind)


def remote(*more):
    return lambda c: c.station.remote_start("CARD", 1, None, *more)


def test_kind_remote_start_and_trigger_are_in_the_record_whatever_comes_first():
    for kind in ("ISO14443", "ISO15693", "Local", "KeyCode"):
        start_of((kind, None, "authorized"), {}, plug, card(kind))
        start_of((kind, None, "plugged"), {}, card(kind), plug)
    for asks in ("false", "true"):
        settings = {"AuthorizeRemoteTxRequests": asks}
        start_of(("Central", None, "remote_start"), settings, plug, remote())
        start_of(("Central", None, "plugged"), settings, remote(), plug)
        start_of(("ISO14443", 77, "remote_start"), settings, plug, remote("ISO14443", 77))
        start_of(("ISO14443", 77, "plugged"), settings, remote("ISO14443", 77), plug)
        start_of(("KeyCode", 0, "remote_start"), settings, plug, remote("KeyCode", 0))
    free = {"FreeMode": "true", "FreeModeIdTag": "FREE"}
    start_of(("NoAuthorization", None, "plugged"), free, plug)


def test_a_token_of_the_page_is_a_local_one():
    with Hal(*PARTS):
        from web.view import View

        for given, text in (("MINE", "MINE"), (None, "WEB")):
            c = Charger(settings={"AllowOfflineTxForUnknownId": "true"})
            c.online = False

            async def body(c=c, given=given):
                c.evse.plug()
                assert await View(Whole(c)).start(given) == "Accepted."
                await c.pass_s(1)

            run(body())
            assert begun(c) == (text, "Local")
            assert c.records(kinds.START)[0][2] == text
