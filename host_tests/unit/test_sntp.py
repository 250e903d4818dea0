# Questions to a time server and what is made of the answers.
# MIT license; part of microevse
"""The codec against answers built by hand; the query against a socket of the test's own."""

import asyncio
import errno

import sntp
from helpers import raises, run

NONCE = b"12345678"
NOON = 1798804800  # 2027-01-01T12:00:00Z
FLOOR = 1793491200
EPOCH = 2208988800


def answer(
    unix=NOON, fraction=0, first=0x24, stratum=2, nonce=NONCE, delay=0, spread=0, ref=b"GPS\0"
):
    def word(n):
        return (n & 0xFFFFFFFF).to_bytes(4, "big")

    stamp = word(unix + EPOCH) + word(fraction)
    head = bytes([first, stratum, 6, 0xEC]) + word(delay) + word(spread) + ref
    return head + stamp + nonce + stamp + stamp


def refused(*args, **kw):
    return str(raises(sntp.BadAnswer, lambda: sntp.parse(answer(*args, **kw), NONCE, FLOOR)))


def test_a_question_tells_nothing_but_its_number():
    question = sntp.request(NONCE)
    assert len(question) == 48
    assert question[0] == 0x23 and question[40:] == NONCE
    assert question[1:40] == bytes(39)


def test_an_answer_is_the_nearest_second():
    assert sntp.parse(answer(), NONCE, FLOOR) == NOON
    assert sntp.parse(answer(fraction=0x7FFFFFFF), NONCE, FLOOR) == NOON
    assert sntp.parse(answer(fraction=0x80000000), NONCE, FLOOR) == NOON + 1
    assert sntp.parse(answer(first=0x1C), NONCE, FLOOR) == NOON  # version 3
    assert sntp.parse(answer() + bytes(20), NONCE, FLOOR) == NOON  # with a signature behind


def test_the_era_after_2036_is_understood():
    for unix in (2085978495, 2085978496, 2085978497, 4102444799):
        # 2036-02-07T06:28:16Z, where NTP's seconds begin anew; and the end of the century.
        if unix + EPOCH == 1 << 32:
            continue  # zero is "no time" on the wire
        assert sntp.parse(answer(unix), NONCE, FLOOR) == unix


def test_times_before_the_program_was_made_are_refused():
    assert "before" in refused(FLOOR - 1)
    assert "before" in refused(0)
    assert sntp.parse(answer(FLOOR), NONCE, FLOOR) == FLOOR
    assert "without a time" in refused(-EPOCH)


def test_a_server_without_time_is_not_believed():
    assert "has no time" in refused(first=0xE4)
    assert "has no time" in refused(stratum=16)
    assert "not sure" in refused(spread=16 << 16)
    assert "not sure" in refused(delay=32 << 16)


def test_a_kiss_of_death_is_told_apart():
    kiss = raises(
        sntp.KissOfDeath,
        lambda: sntp.parse(answer(stratum=0, ref=b"RATE"), NONCE, FLOOR),
    )
    assert str(kiss) == "RATE"
    odd = raises(
        sntp.KissOfDeath,
        lambda: sntp.parse(answer(stratum=0, ref=b"\n\xffA "), NONCE, FLOOR),
    )
    assert str(odd) == "??A?"


def test_what_is_no_answer_to_us_is_refused():
    assert "our question" in refused(nonce=b"xxxxxxxx")
    assert "not a server" in refused(first=0x23)
    assert "not a server" in refused(first=0x0C)
    for size in range(48):
        text = str(raises(sntp.BadAnswer, sntp.parse, answer()[:size], NONCE, FLOOR))
        assert text == "answer of %d bytes" % size


class Net:
    """A socket module whose packets the test decides on; answers(question) -> packets."""

    AF_INET = SOCK_DGRAM = 2

    def __init__(self, answers):
        self._answers = answers
        self._in = []
        self.closed = 0
        self.asked = []

    def getaddrinfo(self, host, port, *rest):
        self.asked.append((host, port))
        return [(2, 2, 0, "", ("10.0.0.1", port))]

    def socket(self, family, kind):
        return self

    def setblocking(self, flag):
        assert flag is False

    def sendto(self, data, address):
        self._in = self._answers(data)

    def recvfrom(self, size):
        if not self._in:
            raise OSError(errno.EAGAIN)
        return self._in.pop(0)[:size], ("10.0.0.1", 123)

    def close(self):
        self.closed += 1


def test_a_query_takes_the_answer_and_closes_its_socket():
    net = Net(lambda question: [answer(nonce=question[40:])])
    assert run(sntp.query("time.example", 123, FLOOR, 100, net)) == NOON
    assert net.closed == 1 and net.asked == [("time.example", 123)]


def test_a_forged_answer_does_not_keep_the_true_one_away():
    net = Net(lambda question: [answer(FLOOR), b"", answer(nonce=question[40:])])
    # The empty packet is an answer of the server's port and no time.
    raises(sntp.BadAnswer, lambda: run(sntp.query("t", 123, FLOOR, 100, net)))
    net = Net(lambda question: [answer(FLOOR), answer(nonce=question[40:])])
    assert run(sntp.query("t", 123, FLOOR, 100, net)) == NOON


def test_no_answer_is_a_timeout():
    net = Net(lambda question: [])
    raises(asyncio.TimeoutError, lambda: run(sntp.query("t", 123, FLOOR, 60, net)))
    assert net.closed == 1
