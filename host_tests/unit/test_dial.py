# The arguments of a connection: address, name for the certificate, files, and stalls.
# MIT license; part of microevse
"""The certificate once was checked against the address and no test noticed: each argument of the
connection is looked at here."""

import os
import sys

import config as settings_of
import pki_made
from certificate_parts import Parts
from config import CsmsConfig, layer_values, provisioning
from evse_base import crc32, forget
from helpers import raises, run
from ocppj import dial
from ocppj.resolver import Resolver
from pem_files import CLIENT, CLIENT_KEY, ONE, TWO, bits, certificate_of, pem
from station.settings import Settings

PLACE = (os.getenv("TMPDIR") or "/tmp") + "/microevse-dial-"
CA, CERT, KEY = PLACE + "ca.pem", PLACE + "cert.pem", PLACE + "key.pem"
FILES = {
    CA: pem(ONE) + pem(TWO),
    CERT: pem(CLIENT) + pem(ONE),
    KEY: pem(TWO) + pem(CLIENT_KEY, "EC PRIVATE KEY") + pem(TWO, "PRIVATE KEY"),
}
NAMED = {"CaFile": CA, "ClientCertFile": CERT, "ClientKeyFile": KEY}


def config(address, **more):
    values = {
        "CentralSystemURI": address, "ChargePointId": "CP", "WebSocketPingInterval": 77,
        "BasicAuthPassword": "correct horse battery", "MessageTimeout": 33,
    }  # fmt: skip
    values.update(more)
    settings = Settings(None)
    settings.factory(values)
    return CsmsConfig(settings)


def with_files(fn):
    for name in FILES:
        with open(name, "w") as file:
            file.write(FILES[name])
    try:
        return fn()
    finally:
        for name in FILES:
            os.remove(name)


class Writer:
    def __init__(self, fails=None):
        self.fails = fails
        self.closed = self.waited = 0

    def close(self):
        self.closed += 1
        if self.fails:
            raise self.fails

    async def wait_closed(self):
        self.waited += 1


class Bench:
    """A Dialer whose streams, resolver and TLS context only note what they are given."""

    def __init__(self, address, lookup=None, protocols=("ocpp1.6",), **more):
        self.opened = []
        self.contexts = []
        self.looked_up = []
        self.refuse = None
        resolver = Resolver(lookup or self._lookup, lambda ms=0: True)
        self.dialer = dial.Dialer(config(address, **more), self._open, resolver, lambda: protocols)
        self.resolver = resolver

    def _lookup(self, host, port):
        self.looked_up.append((host, port))
        return "192.0.2.%d" % len(self.looked_up)

    async def _open(self, *arguments):
        self.opened.append(arguments)
        if self.refuse:
            raise self.refuse
        return "reader", "writer"

    def attempt(self):
        """The arguments that the stream is opened with, and those of the upgrade."""
        from ocppj import handshake, tls  # each time: they are let go of afterwards

        upgrades = []
        context, upgrade = tls.client_context, handshake.upgrade

        async def upgraded(*arguments):
            upgrades.append(arguments)
            return "ocpp1.6", b""

        tls.client_context = lambda *files: self.contexts.append(files) or "context"
        handshake.upgrade = upgraded
        try:
            assert run(self.dialer.open()) == ("ocpp1.6", b"")
        finally:
            tls.client_context, handshake.upgrade = context, upgrade
        return self.opened[-1], upgrades[-1]


def test_tls_is_checked_against_the_name_and_given_all_files():
    def look():
        bench = Bench("wss://csms.example:4433/ocpp", **NAMED)
        opened, upgrade = bench.attempt()
        assert opened == ("192.0.2.1", 4433, "context", "csms.example")
        assert bench.contexts == [([ONE, TWO], [CLIENT, ONE], CLIENT_KEY, [])]
        assert upgrade[:2] == ("reader", "writer") and upgrade[2].host == "csms.example"
        assert upgrade[3:6] == ("CP", ("ocpp1.6",), b"correct horse battery")
        assert (bench.dialer.reader, bench.dialer.writer) == ("reader", "writer")

    with_files(look)


def test_nothing_is_loaded_or_begun_once_a_car_goes_first():
    """The gate was asked only at the beginning of an attempt. The name server may take seconds,
    and a handshake with a first root one more: a handshake of 0.6 s met a closed contactor. Where
    it was asked, the refusal was an error, and what explains errors was loaded: 155 ms."""

    def look(answers, fails="", not_loaded=("failure", "handshake")):
        from ocppj import tls  # each time: it is let go of afterwards

        bench = Bench("wss://csms.example:4433/ocpp")
        bench.dialer._config = rooted = Rooted("wss://csms.example:4433/ocpp")
        gate, asked = list(answers), []

        def allowed(ms=0):
            asked.append(ms)
            return gate.pop(0)

        bench.resolver.allowed = allowed
        bench.refuse = ValueError(fails) if fails else None
        for name in not_loaded:
            forget("ocppj." + name)
        kept, tls.client_context = tls.client_context, lambda *files: "context"
        try:
            assert run(bench.dialer.open()) is None and gate == []
        finally:
            tls.client_context = kept
        assert [name for name in not_loaded if "ocppj." + name in sys.modules] == []
        assert min(asked) >= 1000, "a contactor may close the moment after"
        return len(bench.opened), len(rooted.asked)

    assert look([True, False]) == (1, 0)  # a car has come while TCP connects
    # What explains an error and knows another root is not loaded; the error says nothing.
    assert look([True, False], UNTRUSTED) == look([True, False], "x") == (1, 0)
    assert look([True, True, False], UNTRUSTED) == (1, 1)
    assert look([False], "", ("failure", "handshake", "tls")) == (0, 0)


def test_a_handshake_ends_before_the_hold_and_a_slow_server_is_reached():
    """An attempt may last 30 s. The answer of a slow server came when a contactor had closed."""

    class Late(Plain):
        @property
        def password(self):  # reading it takes the chip 700 ms
            now[0] += 700
            return None

    bench = Bench("wss://csms.example/ocpp")
    bench.dialer._config = Late("wss://csms.example/ocpp")
    now = [300]
    kept = dial.ticks_ms
    dial.ticks_ms = lambda: now[0]
    try:
        limit_s = bench.attempt()[1][6]
    finally:
        dial.ticks_ms = kept
    whole_s = limit_s + 0.7
    assert 4 + 1.2 <= whole_s, "a server that takes 4 s, and the chip"
    assert 1000 * whole_s + 1200 < dial.HANDSHAKE_MS, "the last piece of a handshake takes 1.2 s"
    bench = Bench("ws://csms.example/ocpp")
    assert bench.attempt()[1][6] is None, "without TLS nothing stalls"


def test_a_car_that_comes_while_tcp_connects_goes_before_the_handshake():
    """The gate was asked before TCP, which takes up to 30 s; TLS begins with the first byte."""

    async def story(closes):
        bench = Bench("wss://csms.example:4433/ocpp")
        asked, sent = [], []
        writer = Writer()
        writer.write = sent.append

        async def drain():
            raise OSError(104)  # far enough

        writer.drain = drain

        async def opened(*arguments):
            bench.opened.append(arguments)
            if closes:
                bench.resolver.allowed = lambda ms=0: asked.append(ms)
            return "reader", writer

        def allowed(ms=0):
            asked.append(ms)
            return True

        bench.resolver.allowed = allowed
        bench.dialer._open_stream = opened

        class Config:
            url, charge_point_id, password = "wss://csms.example:4433/ocpp", "CP", None
            ca_der, client_certificate = [ONE], staticmethod(lambda: None)

        bench.dialer._config = Config()
        error = None
        try:
            assert await bench.dialer.open() is None
        except (OSError, ValueError) as exc:
            error = exc
        # No contactor closes from the answer to the end of a handshake.
        assert dial.HANDSHAKE_MS in asked and len(bench.opened) == 1
        await bench.dialer.close()
        assert writer.closed == 1
        return error, sent

    def look(closes):
        from ocppj import tls  # each time: it is let go of afterwards

        context, tls.client_context = tls.client_context, lambda *files: "context"
        try:
            return run(story(closes))
        finally:
            tls.client_context = context

    error, sent = look(True)
    assert error is None and sent == []
    error, sent = look(False)
    assert isinstance(error, OSError) and len(sent) == 1


UNTRUSTED = "The certificate is not correctly signed by the trusted CA"


def test_an_attempt_has_two_handshakes_at_most():
    """A server of no root cost one for each of thirteen roots."""

    def look(fails, known, handshakes):
        bench = Bench("wss://csms.example:4433/ocpp")
        asked = []

        class Config:  # without files: reading one lets go of the module that the bench changes
            url, charge_point_id, password = "wss://csms.example:4433/ocpp", "CP", None
            ca_der, client_certificate = [ONE], staticmethod(lambda: None)

            def next_ca(self, seen):
                asked.append(seen)
                return known

        bench.dialer._config = Config()
        bench.refuse = ValueError(fails)
        exc = raises(ValueError, bench.attempt)
        assert fails in str(exc), exc
        assert len(bench.opened) == handshakes, bench.opened
        assert len(bench.contexts) == handshakes
        # Where the names are noted is where they are asked for.
        assert all([bench.contexts[0][3] is seen for seen in asked]) and len(asked) < 2
        assert len(asked) == (fails == UNTRUSTED)
        assert handshakes == 1 or bench.contexts[1][3] == []

    look(UNTRUSTED, True, 2)
    look(UNTRUSTED, False, 1)
    look("validity has expired", True, 1)


class Plain:
    """A configuration whose roots cannot be changed, or without TLS."""

    charge_point_id, password = "CP", None
    ca_der, client_certificate = [ONE], staticmethod(lambda: None)

    def __init__(self, url):
        self.url = url


class Rooted(Plain):
    def __init__(self, url):
        Plain.__init__(self, url)
        self.known_by = 7
        self.asked = []

    def next_ca(self, seen):
        self.asked.append(seen)
        return True


def test_who_vouches_is_noted_only_where_roots_can_change():
    bench = Bench("wss://csms.example/ocpp")
    bench.dialer._config = Plain("wss://csms.example/ocpp")
    bench.attempt()
    assert bench.contexts[-1][3] is None and not hasattr(bench.dialer._config, "known_by")
    bench.refuse = ValueError(UNTRUSTED)
    assert str(raises(ValueError, bench.attempt)) == UNTRUSTED and len(bench.opened) == 2
    # Without TLS there is nobody to vouch, whatever the error says.
    bench.dialer._config = plain = Rooted("ws://csms.example/ocpp")
    raises(ValueError, bench.attempt)
    assert plain.asked == [] and plain.known_by == 0 and len(bench.opened) == 3
    # With TLS it is forgotten as an attempt begins; an error of the program ends it.
    bench.dialer._config = rooted = Rooted("wss://csms.example/ocpp")
    bench.refuse = KeyError(UNTRUSTED)
    raises(KeyError, bench.attempt)
    assert rooted.known_by is None and rooted.asked == [] and len(bench.opened) == 4


def test_the_first_connection_is_closed_before_the_second_and_who_vouches_is_noted():
    from ocppj import handshake, tls

    class Context:
        verify_callback = "notes"

    bench = Bench("wss://csms.example/ocpp")
    rooted = bench.dialer._config = Rooted("wss://csms.example/ocpp")
    writers, contexts = [], []

    async def opened(*arguments):
        writers.append(Writer())
        return "reader", writers[-1]

    async def upgraded(*arguments):
        if len(writers) == 1:  # where MicroPython's handshake fails
            raise ValueError(UNTRUSTED)
        assert writers[0].closed == 1
        return "ocpp1.6", b""

    def context(ca, chain, key, seen):
        seen.extend([b"topmost", b"own"])
        contexts.append(Context())
        return contexts[-1]

    bench.dialer._open_stream = opened
    kept = tls.client_context, handshake.upgrade
    tls.client_context, handshake.upgrade = context, upgraded
    try:
        assert run(bench.dialer.open()) == ("ocpp1.6", b"")
    finally:
        tls.client_context, handshake.upgrade = kept
    assert writers[1].closed == 0 and bench.dialer.writer is writers[1]
    assert rooted.known_by == crc32(b"topmost") & 0x3FFFFFFF
    assert contexts[1].verify_callback is None, "with it would live the code of tls"


def test_without_tls_there_is_no_context():
    bench = Bench("ws://csms.example/ocpp")
    opened, _ = bench.attempt()
    assert opened == ("192.0.2.1", 80, None, "csms.example") and bench.contexts == []


def test_an_address_is_not_looked_up():
    for host in ("10.0.0.7", "[2001:db8::7]"):
        bench = Bench("ws://%s:9000/x" % host)
        opened, _ = bench.attempt()
        assert opened[0] == host.strip("[]") and bench.looked_up == []


def test_the_name_is_looked_up_again_only_after_no_answer():
    bench = Bench("ws://csms.example/ocpp")
    assert bench.attempt()[0][0] == "192.0.2.1"
    assert bench.attempt()[0][0] == "192.0.2.1"
    bench.dialer.answered(True)
    assert bench.attempt()[0][0] == "192.0.2.1"
    bench.dialer.answered(False)
    assert bench.attempt()[0][0] == "192.0.2.2"
    assert bench.attempt()[0][0] == "192.0.2.2", "asked once for each failure"
    assert bench.looked_up == [("csms.example", 80)] * 2


def test_an_unknown_name_is_told_as_such():
    def lookup(host, port):
        raise OSError(-2)

    bench = Bench("ws://csms.example/ocpp", lookup)
    exc = raises(dial.UnknownHost, lambda: run(bench.dialer.open()))
    assert "csms.example" in str(exc) and bench.opened == []


def test_a_search_that_fails_otherwise_is_not_told_as_an_unknown_name():
    def lookup(host, port):
        raise MemoryError()

    bench = Bench("ws://csms.example/ocpp", lookup)
    raises(MemoryError, lambda: run(bench.dialer.open()))


def test_without_an_address_nothing_is_tried():
    bench = Bench("")
    assert "no central system" in str(raises(ValueError, lambda: run(bench.dialer.open())))
    assert bench.opened == [] and bench.looked_up == []


def test_without_a_protocol_nothing_is_tried():
    bench = Bench("ws://csms.example/ocpp", protocols=())
    assert "no version of OCPP" in str(raises(ValueError, lambda: run(bench.dialer.open())))
    assert bench.opened == [] and bench.looked_up == []


def test_what_would_stall():
    for address, stalls in (
        ("wss://10.0.0.7/x", True), ("wss://csms.example/x", True), ("ws://10.0.0.7/x", False),
        ("ws://csms.example/x", True), ("", False), ("http://h", False),
    ):  # fmt: skip
        assert Bench(address).dialer.would_stall() is stalls, address
    bench = Bench("ws://csms.example/x")
    bench.attempt()
    assert bench.dialer.would_stall() is False


def test_an_address_is_parsed_once_and_anew_when_it_changes():
    """Asked once a second, the parser was loaded each time: a stall where code lies in a slot."""
    real, loads = dial.release, []
    dial.release = loads.append  # after each use of the parser
    try:
        bench = Bench("ws://10.0.0.7/x")
        assert [bench.dialer.would_stall() for _ in range(3)] == [False] * 3
        bench.dialer._config = config("wss://10.0.0.7/x")
        assert [bench.dialer.would_stall() for _ in range(3)] == [True] * 3
    finally:
        dial.release = real
    assert loads == ["ocppj.url"] * 2


def test_closing_never_fails_and_closes_once():
    for fails in (None, OSError(104), ValueError("closed")):
        bench = Bench("ws://10.0.0.7/x")
        bench.attempt()
        writer = bench.dialer.writer = Writer(fails)
        run(bench.dialer.close())
        run(bench.dialer.close())
        assert writer.closed == 1
        assert bench.dialer.reader is None and bench.dialer.writer is None
    bench.dialer.writer = Writer(RuntimeError("a bug is told"))
    raises(RuntimeError, lambda: run(bench.dialer.close()))


def test_closing_waits_where_only_that_closes_the_socket():
    kept = dial.MICROPYTHON
    try:
        for dial.MICROPYTHON in (False, True):
            bench = Bench("ws://10.0.0.7/x")
            writer = bench.dialer.writer = Writer()
            run(bench.dialer.close())
            assert writer.closed == 1 and writer.waited == int(dial.MICROPYTHON)
    finally:
        dial.MICROPYTHON = kept


def test_addresses_are_told_from_names():
    for host in ("10.0.0.7", "255.255.255.255", "::1", "2001:db8::7"):
        assert dial.is_address(host) is True
    for host in ("csms.example", "10.0.0.x", "a", "7a"):
        assert dial.is_address(host) is False


def test_the_configuration_reads_files_and_settings_anew():
    def look():
        cfg = config("wss://h", **NAMED)
        assert cfg.ca_der == [ONE, TWO]
        assert cfg.client_certificate() == ([CLIENT, ONE], CLIENT_KEY)
        assert (cfg.charge_point_id, cfg.ping_interval, cfg.message_timeout) == ("CP", 77, 33)
        assert cfg.password == b"correct horse battery"

    with_files(look)
    cfg = config("wss://h", **NAMED)
    told = str(raises(ValueError, lambda: cfg.ca_der))
    assert "CaFile" in told and CA in told
    # A file that has gone does not take the installed roots away.
    values = Parts()
    assert values.install(pki_made.root())[0] == "done"
    cfg._settings.vault = values.vault
    assert cfg.ca_der == [pki_made.root()]
    assert "CaFile" in str(raises(ValueError, cfg.file_roots))
    cfg = config("wss://h", CaFile="public/nobody")
    raises(ValueError, lambda: cfg.ca_der)
    cfg._settings.vault = values.vault
    assert cfg.ca_der == [pki_made.root()]
    cfg = config("wss://h", **NAMED)
    told = str(raises(ValueError, cfg.client_certificate))
    assert "ClientCertFile" in told and CERT in told
    cfg = config("wss://h")
    assert cfg.ca_der == [] and cfg.client_certificate() is None


def test_a_damaged_file_is_told_as_damaged_and_not_as_missing():
    def look():
        with open(CA, "w") as file:
            file.write(FILES[CA][:-30])
        told = str(raises(ValueError, lambda: config("wss://h", **NAMED).ca_der))
        assert "PEM" in told and "no file" not in told

    with_files(look)


def test_a_key_that_is_not_the_certificates_is_told():
    def look():
        for cert, key, word in (
            (CERT, CA, "together"), ("", KEY, "together"), (CERT, "", "together"),
            (CA, KEY, "cannot be read"),
        ):  # fmt: skip
            cfg = config("wss://h", ClientKeyFile=key, ClientCertFile=cert)
            told = str(raises(ValueError, cfg.client_certificate))
            assert word in told, (cert, key, told)
        with open(CERT, "w") as file:
            file.write(pem(certificate_of(bits(b"\4" + bytes(64)))))
        told = str(raises(ValueError, config("wss://h", **NAMED).client_certificate))
        assert told == "ClientKeyFile is not the key of ClientCertFile"

    with_files(look)


def test_profile_3_calls_nobody_without_a_certificate_of_its_own():
    cfg = config("wss://h", SecurityProfile=3)
    assert "SecurityProfile 3 needs" in str(raises(ValueError, cfg.client_certificate))
    assert cfg.password is None, "its password is for profiles 1 and 2"
    bench = Bench("wss://10.0.0.7/x", SecurityProfile=3)
    raises(ValueError, bench.attempt)
    assert bench.opened == []


def test_what_the_page_may_show_of_the_address():
    assert config("wss://csms.example:4433/secret?x=1").host() == "csms.example"
    assert config("nonsense").host() == "" and config("nonsense").secure() is False
    assert config("wss://h").secure() is True and config("ws://h").secure() is False
    assert config("wss://h").connect_timeout == 30
    assert "AuthorizationKey" in CsmsConfig.NAMES and "SecurityProfile" in CsmsConfig.NAMES


def test_every_setting_of_a_connection_makes_a_new_one():
    """Left out of the list, a new certificate or password came into use days later."""
    assert set(CsmsConfig.NAMES) == {
        "CentralSystemURI", "ChargePointId", "AuthorizationKey", "BasicAuthPassword", "CaFile",
        "ClientCertFile", "ClientKeyFile", "SecurityProfile",
    }  # fmt: skip


def test_a_missing_provisioning_file_is_an_empty_one():
    assert provisioning(PLACE + "none.json") == {}
    path = PLACE + "config.json"
    try:
        for text, values in (('{"settings": {"a": 1}}', {"settings": {"a": 1}}), ("[1", None)):
            with open(path, "w") as file:
                file.write(text)
            if values is None:
                raises(ValueError, provisioning, path)
            else:
                assert provisioning(path) == values
    finally:
        os.remove(path)


def test_one_wrong_value_of_a_file_keeps_none_of_the_others_out():
    settings = Settings(None)
    layer_values(settings.factory, {
        "MessageTimeout": "nonsense", "ChargePointId": "CP7", "NoSuchSetting": 1,
        "WebSocketPingInterval": 44,
    })  # fmt: skip
    assert settings.get("ChargePointId") == "CP7" and settings.get("WebSocketPingInterval") == 44


class Sockets:
    """The module `socket`: getaddrinfo gives `answers`. `packed` is {packed address: its parts}
    where addresses come packed, as from the unix port."""

    SOCK_STREAM = 1

    def __init__(self, answers, packed=None):
        self.asked = []
        self._answers = [(2, 1, 6, "", address) for address in answers]
        self._packed = packed

    def getaddrinfo(self, *arguments):
        self.asked.append(arguments)
        return self._answers

    def sockaddr(self, address):
        return self._packed[address]

    def inet_ntop(self, family, packed):
        return "%d %s" % (family, packed)


def resolved(sockets):
    kept = sys.modules.get("socket")
    sys.modules["socket"] = sockets
    try:
        return dial.resolve("csms.example", 4433)
    finally:
        if kept is None:
            del sys.modules["socket"]
        else:
            sys.modules["socket"] = kept


def test_of_several_addresses_the_first_is_taken():
    for answers in (
        [("192.0.2.1", 80), ("192.0.2.2", 80)],
        [("192.0.2.1", 80)],
        [("2001:db8::7", 80, 0, 0), ("192.0.2.2", 80)],
    ):
        sockets = Sockets(answers)
        assert resolved(sockets) == answers[0][0]
        assert sockets.asked == [("csms.example", 4433, 0, 1)]


def test_a_packed_address_of_either_family_becomes_text():
    parts = {b"four": (2, "v4", 80), b"six": (10, "v6", 80, 0, 0)}
    assert resolved(Sockets([b"four", b"six"], parts)) == "2 v4"
    assert resolved(Sockets([b"six", b"four"], parts)) == "10 v6"


def test_an_address_that_is_a_number_resolves_to_itself():
    assert dial.resolve("127.0.0.1", 80) == "127.0.0.1"


def test_a_stream_is_opened_in_the_open_only_without_a_context():
    async def story(context):
        opened = []

        async def open_connection(*arguments, **named):
            opened.append((arguments, named))
            return "reader", "writer"

        real = dial.asyncio.open_connection
        dial.asyncio.open_connection = open_connection
        try:
            streams = await dial.open_stream("192.0.2.1", 4433, context, "csms.example")
        finally:
            dial.asyncio.open_connection = real
        assert streams == ("reader", "writer")
        [(arguments, named)] = opened
        return arguments, named

    assert run(story(None)) == (("192.0.2.1", 4433), {})
    named = {"ssl": "context", "server_hostname": "csms.example"}
    assert run(story("context")) == (("192.0.2.1", 4433), named)


def test_without_an_address_no_profile_is_too_weak_for_it():
    assert config("", SecurityProfile=2).url == ""


def test_a_layer_that_is_broken_is_told_as_a_bug():
    def layer(values):
        raise TypeError("a bug")

    raises(TypeError, layer_values, layer, {"ChargePointId": "CP"})


def test_a_name_that_another_part_has_looked_up_is_not_asked_for_again():
    bench = Bench("ws://csms.example/ocpp")
    run(bench.resolver.address("csms.example", 80))
    assert bench.attempt()[0][0] == "192.0.2.1" and len(bench.looked_up) == 1


class Roots:
    """In place of the module `roots`."""

    def __init__(self):
        self.found = 2

    def load(self, setting, place):
        return b"%s %d" % (setting.encode(), place)

    def every(self):
        return [b"first", b"second"]

    def wanted(self, seen, place):
        return self.found if self.found != place else None


def with_roots(fn, on_chip):
    """fn(Roots) with those in place of the public ones."""
    roots, kept = Roots(), sys.modules.get("roots")
    before = settings_of.MICROPYTHON, settings_of.forget
    sys.modules["roots"] = roots
    settings_of.MICROPYTHON, settings_of.forget = on_chip, lambda name: None
    try:
        fn(roots)
    finally:
        settings_of.MICROPYTHON, settings_of.forget = before
        if kept is None:
            del sys.modules["roots"]
        else:
            sys.modules["roots"] = kept


def test_on_the_chip_one_public_root_at_a_time_and_the_one_that_was_wanted_last():
    def look(roots):
        cfg = config("wss://h", CaFile="public")
        assert cfg.ca_der == [b"public 0"]
        assert cfg.next_ca([b"name"]) is True and cfg.ca_der == [b"public 2"]
        assert cfg.next_ca([b"name"]) is False and cfg.ca_der == [b"public 2"]
        one = config("wss://h", CaFile="public/isrg_x1")
        assert one.ca_der == [b"public/isrg_x1 0"] and one.next_ca([b"name"]) is False

    with_roots(look, True)


def test_elsewhere_all_public_roots_are_believed():
    def look(roots):
        assert config("wss://h", CaFile="public").ca_der == [b"first", b"second"]
        assert config("wss://h", CaFile="public/x").ca_der == [b"public/x 0"]

    with_roots(look, False)


def test_what_is_installed_comes_before_the_owners_files():
    from station import certificates, own_certificate

    def look():
        cfg = config("wss://h", **NAMED)
        assert cfg.ca_der == [ONE, TWO]  # one that is installed and in the file is loaded once
        assert cfg.client_certificate() == ([TWO], b"key")

    kept = certificates.believed, own_certificate.shown, certificates.dropped
    certificates.believed = lambda settings: [ONE]
    own_certificate.shown = lambda settings, access: ([TWO], b"key")
    certificates.dropped = lambda: None
    try:
        with_files(look)
    finally:
        certificates.believed, own_certificate.shown, certificates.dropped = kept


def test_the_address_of_the_settings_is_parsed_once_and_asking_for_it_counts_as_no_attempt():
    real, loads = settings_of.release, []
    settings_of.release = loads.append
    try:
        cfg = config("wss://once.example/x", SecurityProfile=1)
        assert [cfg.secure() for _ in range(3)] == [True] * 3 and cfg.host() == "once.example"
    finally:
        settings_of.release = real
    assert loads == ["ocppj.url"]
    assert cfg.url == "wss://once.example/x" and cfg.access.waited_s is None
    assert cfg.password and cfg.access.waited_s == 0
    assert cfg.access._may_stall() is True
