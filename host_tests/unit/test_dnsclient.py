# The client of name servers: its packets, answers that are wrong on purpose, and a real UDP
# server.
# MIT license; part of microevse

import asyncio
import socket

import dnsclient
from helpers import raises, run

NUMBER = 0x1234
NAME = "csms.example"
CODED = b"\x04csms\x07example\x00"
QUESTION = CODED + b"\x00\x01\x00\x01"
A = b"\x00\x01\x00\x01"
CNAME = b"\x00\x05\x00\x01"
ME = b"\xc0\x0c"  # a pointer to the name in the question


def record(owner, kind, ttl, data):
    return owner + kind + ttl.to_bytes(4, "big") + len(data).to_bytes(2, "big") + data


def answer(*records, number=NUMBER, flags=b"\x81\x80", question=QUESTION, count=None):
    head = number.to_bytes(2, "big") + flags + b"\x00\x01"
    head += (len(records) if count is None else count).to_bytes(2, "big") + bytes(4)
    return head + question + b"".join(records)


def parse(data, name=NAME):
    return dnsclient.parse(data, NUMBER, name)


def refused(data, kind=dnsclient.BadAnswer):
    return str(raises(kind, lambda: parse(data)))


ADDRESS = record(ME, A, 300, bytes((192, 0, 2, 7)))


def test_a_question_has_the_name_and_asks_for_recursion():
    packet = dnsclient.question(NAME, NUMBER)
    assert packet == b"\x12\x34\x01\x00\x00\x01" + bytes(6) + QUESTION
    assert dnsclient.question(NAME + ".", NUMBER) == packet


def test_what_is_no_host_name_is_not_asked():
    for name in ("", ".", "a..b", "x" * 64 + ".example", ".".join(["x" * 60] * 5)):
        raises(ValueError, lambda: dnsclient.question(name, 1))


def test_the_address_and_how_long_it_holds():
    assert parse(answer(ADDRESS)) == ("192.0.2.7", 300)
    assert parse(answer(ADDRESS), "CSMS.Example.") == ("192.0.2.7", 300)
    loud = b"\x04CSMS\x07EXAMPLE\x00\x00\x01\x00\x01"
    assert parse(answer(ADDRESS, question=loud)) == ("192.0.2.7", 300)


def test_the_first_address_of_several_is_taken():
    more = record(ME, A, 10, bytes((192, 0, 2, 8)))
    assert parse(answer(ADDRESS, more))[0] == "192.0.2.7"


def test_how_long_it_holds_is_bounded():
    for ttl, held in (
        (0, 60),
        (59, 60),
        (61, 61),
        (3600, 3600),
        (0x7FFFFFFF, 3600),
        (1 << 31, 3600),
    ):
        assert parse(answer(record(ME, A, ttl, bytes(4))))[1] == held


def test_an_alias_is_followed_and_the_shorter_time_holds():
    alias = record(ME, CNAME, 100, b"\x01a\x03net\x00")
    there = record(b"\x01a\x03net\x00", A, 300, bytes((192, 0, 2, 9)))
    assert parse(answer(alias, there)) == ("192.0.2.9", 100)
    assert parse(answer(there, alias)) == ("192.0.2.9", 100)
    # The address of somebody else is none of this name.
    other = record(b"\x01b\x03net\x00", A, 300, bytes(4))
    raises(dnsclient.NoSuchName, lambda: parse(answer(other)))


def test_an_alias_without_its_address_has_to_be_asked_for():
    alias = record(ME, CNAME, 100, b"\x01a\x03net\x00")
    assert parse(answer(alias)) == (None, "a.net")


def test_aliases_without_an_end_are_given_up():
    to_b = record(b"\x01a\x00", CNAME, 9, b"\x01b\x00")
    to_a = record(b"\x01b\x00", CNAME, 9, b"\x01a\x00")
    assert "without an end" in refused(answer(record(ME, CNAME, 9, b"\x01a\x00"), to_b, to_a))
    assert "without an end" in refused(answer(record(ME, CNAME, 9, ME)))


def test_a_name_of_pointers_ends():
    itself = len(answer())
    for pointer in (itself, itself + 2, 0x3FFF, 0, 11):
        owner = (0xC000 | pointer).to_bytes(2, "big")
        assert "circles" in refused(answer(record(owner, A, 9, bytes(4))))
    # In the data of an alias.
    raises(dnsclient.BadAnswer, lambda: parse(answer(record(ME, CNAME, 9, b"\xff\xff"))))
    raises(dnsclient.BadAnswer, lambda: parse(answer(record(ME, CNAME, 9, b"\x80\x01"))))


def test_a_name_that_grows_by_pointers_is_too_long():
    # Each record's name is 60 bytes and a pointer to the one before.
    records, at, before = b"", len(answer()), 12
    for _ in range(6):
        owner = b"\x3c" + b"x" * 60 + (0xC000 | before).to_bytes(2, "big")
        one = record(owner, A, 9, bytes(4))
        before = at
        at += len(one)
        records += one
    assert "too long" in refused(answer(records, count=6))


def test_an_answer_to_another_question_is_passed_over():
    other = b"\x04evil\x07example\x00\x00\x01\x00\x01"
    for data in (
        b"",
        answer(ADDRESS)[:11],
        answer(ADDRESS, number=NUMBER + 1),
        answer(ADDRESS, flags=b"\x01\x00"),  # a question
        answer(ADDRESS, question=other),
        answer(ADDRESS, question=CODED + b"\x00\x1c\x00\x01"),
        answer(ADDRESS, question=CODED + b"\x00\x01\x00\x03"),
    ):
        refused(data, dnsclient.Ignored)


def test_errors_of_the_server_are_told_apart():
    raises(dnsclient.NoSuchName, lambda: parse(answer(flags=b"\x81\x83")))
    raises(dnsclient.NoSuchName, lambda: parse(answer()))  # a name with other records only
    for code in (1, 2, 5):
        assert "error %d" % code in refused(answer(flags=bytes((0x81, 0x80 | code))))


def test_every_cut_of_an_answer_is_refused_and_no_other_exception_comes_out():
    whole = answer(
        record(ME, CNAME, 100, b"\x01a\x03net\x00"), record(b"\x01a\xc0\x11", A, 1, bytes(4))
    )
    for size in range(len(whole)):
        raises((dnsclient.BadAnswer, dnsclient.NoSuchName), lambda: parse(whole[:size]))


def test_an_answer_that_was_too_long_counts_as_far_as_it_goes():
    cut = answer(ADDRESS, count=9, flags=b"\x83\x80")
    assert parse(cut)[0] == "192.0.2.7"
    assert "cut" in refused(answer(ADDRESS, count=9))
    # Without any record it says nothing about the name: it is asked again.
    assert "cut" in refused(answer(flags=b"\x83\x80"))


def test_any_byte_may_be_wrong_and_only_the_clients_own_exceptions_come_out():
    whole = answer(
        record(ME, CNAME, 100, b"\x01a\x03net\x00"), record(b"\x01a\xc0\x11", A, 1, bytes(4))
    )
    for at in range(len(whole)):
        for value in (0, 1, 0x3F, 0x40, 0x80, 0xC0, 0xFF):
            data = bytearray(whole)
            data[at] = value
            try:
                parse(data)
            except (dnsclient.BadAnswer, dnsclient.NoSuchName):
                pass


class Server:
    """A UDP server on this machine; reply(packet) -> packets to send back."""

    def __init__(self, reply):
        self.reply = reply
        self.asked = []
        self.ports = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in range(21053, 21153):
            try:
                self.socket.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
                self.port = port
                break
            except OSError:
                pass
        self.socket.setblocking(False)

    async def run(self):
        while True:
            try:
                packet, sender = self.socket.recvfrom(512)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            self.asked.append(packet)
            self.ports.add(bytes(sender[2:4]) if isinstance(sender, bytes) else sender[1])
            for data in self.reply(packet):
                self.socket.sendto(data, sender)


def asked(reply, name=NAME, timeout_ms=200, servers=("127.0.0.1",)):
    """(what the client makes of it, the server)."""
    server = Server(reply)

    async def go():
        task = asyncio.create_task(server.run())
        try:
            return await dnsclient.query(name, servers, timeout_ms, port=server.port)
        finally:
            task.cancel()
            server.socket.close()

    return run(go()), server


def to(packet, *records, **more):
    return answer(*records, number=int.from_bytes(packet[:2], "big"), question=packet[12:], **more)


def test_a_server_is_asked_and_answers():
    found, server = asked(lambda packet: [to(packet, ADDRESS)])
    assert found == ("192.0.2.7", 300) and len(server.asked) == 1


def test_a_forged_answer_before_the_right_one_is_passed_over():
    wrong = record(ME, A, 300, bytes((6, 6, 6, 6)))

    def reply(packet):
        number = int.from_bytes(packet[:2], "big")
        return [
            answer(wrong, number=number ^ 1, question=packet[12:]),
            b"",
            b"\xff" * 40,
            to(packet, ADDRESS),
        ]

    assert asked(reply)[0][0] == "192.0.2.7"


def test_a_chain_of_aliases_is_asked_for_step_by_step():
    def reply(packet):
        if packet[12:].startswith(CODED):
            return [to(packet, record(ME, CNAME, 100, b"\x01a\x03net\x00"))]
        return [to(packet, ADDRESS)]

    found, server = asked(reply)
    assert found[0] == "192.0.2.7" and len(server.asked) == 2
    assert len(server.ports) == 2 and server.asked[0][:2] != server.asked[1][:2]


def test_a_chain_over_the_network_has_an_end_too():
    def reply(packet):
        # Each name stands for another one: x1.net for x2.net, and so on.
        number = packet[14] - 48 + 1 if packet[13:14] == b"x" else 1
        return [to(packet, record(ME, CNAME, 100, b"\x02x%d\x03net\x00" % number))]

    assert "without an end" in str(raises(OSError, lambda: asked(reply)))


def test_a_server_that_is_silent_once_is_asked_again():
    calls = []

    def reply(packet):
        calls.append(packet)
        return [to(packet, ADDRESS)] if len(calls) == 2 else []

    assert asked(reply, timeout_ms=60)[0][0] == "192.0.2.7"


def test_a_server_that_says_nothing_or_nonsense_is_given_up():
    error = raises(OSError, lambda: asked(lambda packet: [], timeout_ms=40))
    assert "no answer" in str(error)
    error = raises(
        OSError, lambda: asked(lambda packet: [to(packet, flags=b"\x81\x82")], timeout_ms=40)
    )
    assert "error 2" in str(error)


def test_a_name_that_is_not_there_is_asked_for_once():
    server = []

    def reply(packet):
        server.append(packet)
        return [to(packet, flags=b"\x81\x83")]

    raises(dnsclient.NoSuchName, lambda: asked(reply))
    assert len(server) == 1


def test_an_alias_that_is_no_name_writes_no_line_of_its_own_into_the_log():
    """The text of this error is logged, and the alias is the name server's."""
    exc = raises(ValueError, lambda: dnsclient.question("a..\n9.999 E evse: all is well", 1))
    assert "\n" not in str(exc)
