# Rules of authorization that only OCPP 2.x has settings for.
# MIT license; part of microevse
from helpers import run
from station_parts import NOON, Charger, FakeEvse, FakeMeter
from store import kinds


class Two(Charger):
    """A station with two connectors; M is a card of the master pass."""

    def __init__(self, settings=(), **kw):
        settings = dict(settings, MasterPassGroupId="Masters")
        Charger.__init__(self, settings=settings, **kw)
        profile = {"max_a": 16, "phases": 1}
        self.second = self.station.add(FakeEvse(), FakeMeter(), None, None, profile)
        self.known.update(A=("accepted", None), B=("accepted", "G"), M=("accepted", "MASTERS"))

    async def go(self, seconds=1):
        for _ in range(seconds):
            await self.pass_s(1)
            await self.second.metering.refresh()
            await self.second.sequence.work()

    async def both(self):
        """A session of A at 1 and one of B at 2."""
        for connector, token in zip(self.station.connectors, "AB"):
            connector.evse.plug()
            await self.go()
            assert await self.tap(token, connector.id) == "Accepted."
        assert [c.session.token for c in self.station.connectors] == ["A", "B"]
        self.asked.clear()

    async def tap(self, token, connector=None):
        said = await self.station.present_token(token, "ISO14443", connector)
        await self.go()
        return said

    def ends(self):
        """[connector, reason, token, trigger] of the STOP records."""
        return sorted([[r[1], r[3], r[4], r[8]] for r in self.records(kinds.STOP)])


def test_a_master_pass_begins_no_session():
    async def story():
        s = Two()
        s.evse.plug()
        await s.go()
        assert await s.tap("M") == "Not accepted: this card only ends sessions."
        assert not await s.station.remote_start("M", 1)  # its group is known now
        assert not await s.station.remote_start("APP", 1, group="masters")
        s.authorizer.clear_cache()
        assert await s.station.remote_start("APP", 1, group="others")
        await s.go()
        assert s.connector.session.token == "APP"

    run(story())


def test_at_a_reader_for_all_a_master_pass_ends_every_session():
    async def story():
        s = Two()
        await s.both()
        assert await s.tap("M") == "Session ended."
        await s.go()
        end = ["master_pass", "M", "stop_authorized"]
        assert s.ends() == [[1] + end, [2] + end] and s.asked == ["M"]
        # Held a moment too long.
        assert await s.tap("M") == "Session ended."

    run(story())


def test_at_the_reader_of_one_connector_it_ends_that_session():
    async def story():
        s = Two()
        await s.both()
        assert await s.tap("M", 1) == "Session ended."
        await s.go()
        assert [end[0] for end in s.ends()] == [1] and s.second.session is not None
        # From the place of a free connector that is reserved, too.
        s.evse.unplug()
        await s.go(6)
        assert s.station.reservations.reserve(1, 1, "X", None, NOON + 600) == "accepted"
        await s.go()
        assert await s.tap("M") == "Session ended."
        await s.go()
        assert [end[0] for end in s.ends()] == [1, 2]

    run(story())


def test_other_cards_end_no_session_because_there_is_a_master_pass():
    async def story():
        s = Two()
        await s.both()
        s.known["N"] = ("blocked", "MASTERS")
        s.known["C"] = ("accepted", None)
        for card in ("N", "C", "B"):
            assert await s.tap(card, 1) == "In use."
        assert s.ends() == []
        s.settings.set("MasterPassGroupId", "", True)
        s.asked.clear()
        assert await s.tap("M", 1) == "In use." and s.asked == []

    run(story())


def test_what_has_no_expiry_is_remembered_for_the_life_time():
    c = Charger(settings={"AuthCacheLifeTime": "100", "LocalPreAuthorize": "true"})
    c.known["CARD"] = ("accepted", None)

    def asked():
        del c.asked[:]
        assert run(c.authorizer.check("CARD")).accepted
        return c.asked == ["CARD"]

    assert asked() and not asked()
    c.clock.ms = 99000
    assert not asked()
    c.clock.ms = 100000
    assert asked() and not asked()
    # An expiry of its own counts, and is on flash as it was told.
    c.authorizer.learn("OTHER", {"status": "accepted", "expiry": NOON + 9000, "parent": None})
    again = Charger(flash=c.flash, boot=2, settings={"LocalPreAuthorize": "true"})
    again.clock.unix = NOON + 250
    again.online = False
    assert run(again.authorizer.check("OTHER")).source == "cache"
    assert run(again.authorizer.check("CARD")).status == "expired"


def test_where_the_central_system_is_not_asked_list_and_cache_decide():
    settings = {"DisableRemoteAuthorization": "true", "AllowOfflineTxForUnknownId": "true"}
    c = Charger(settings=settings)
    c.known["CARD"] = ("accepted", None)
    # Connected: the rule for unknown tokens offline does not count.
    assert not run(c.authorizer.check("CARD")).accepted and c.asked == []
    c.authorizer.learn("CARD", {"status": "accepted", "expiry": None, "parent": None})
    assert run(c.authorizer.check("CARD")).accepted and c.asked == []
    c.authorizer.remote = None
    assert run(c.authorizer.check("NEW")).source == "offline"
    assert run(c.authorizer.check("NEW")).accepted


def test_a_card_that_is_accepted_at_some_connectors_only():
    async def story():
        s = Two()

        async def remote(token, kind):
            return {"status": "accepted", "expiry": None, "parent": None, "only": [2],
                    "passing": True}  # fmt: skip

        s.authorizer.remote = remote
        assert await s.tap("CARD", 1) == "Not accepted at this connector."
        assert await s.tap("CARD", 2) == "Accepted."
        s.settings.set("AuthorizeRemoteTxRequests", "true")
        s.evse.plug()
        await s.go()
        assert await s.station.remote_start("CARD2", 1)
        await s.go(3)
        assert s.connector.session is None and s.connector.waiting is None

    run(story())


def test_a_refused_session_with_grace_ends_when_its_energy_is_used():
    async def story(grace, ends_at_once):
        c = Charger(settings={"MaxEnergyOnInvalidId": "100"})
        session = await c.charge()
        c.station.deauthorized(session.id, grace)
        assert bool(session.stopping) is ends_at_once
        await c.pass_s(10, wh=90)
        assert bool(session.stopping or session.stop_recorded) is ends_at_once
        await c.pass_s(5, wh=20)
        [stop] = c.records(kinds.STOP)
        assert stop[3] == "deauthorized" and (stop[2] >= 1100 or ends_at_once)

    run(story(False, True))
    run(story(True, False))


def test_without_a_meter_no_energy_is_granted_to_a_card_that_is_refused():
    async def story():
        c = Charger(settings={"MaxEnergyOnInvalidId": "100"})
        c.connector.metering.meter = None
        session = await c.charge()
        c.station.deauthorized(session.id, grace=True)
        assert session.stopping == "deauthorized"

    run(story())
