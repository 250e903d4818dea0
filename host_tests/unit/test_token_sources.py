# Reader and page say what kind of token they have.
# MIT license; part of microevse

import asyncio

from fake_chip import PARTS, Hal
from helpers import run
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
    """What the page knows of a charger."""

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
