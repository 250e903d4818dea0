# The name server of the set-up network.
# MIT license; part of microevse

from commissioning import captive_dns
from commissioning.captive_dns import answer

AP = "192.168.4.1"


def query(name=b"\x07captive\x05apple\x03com\x00", kind=1, flags=b"\x01\x00", klass=1, extra=b""):
    counts = b"\x00\x01\x00\x00\x00\x00\x00" + (b"\x01" if extra else b"\x00")
    return b"\xbe\xef" + flags + counts + name + bytes((0, kind, 0, klass)) + extra


def test_every_name_has_our_address():
    asked = query()
    said = answer(asked, AP)
    assert said[:2] == b"\xbe\xef"
    assert said[2:4] == b"\x85\x00", "response, authoritative, recursion as desired, no error"
    assert said[4:12] == b"\x00\x01\x00\x01\x00\x00\x00\x00"
    assert said[12 : len(asked)] == asked[12:], "the question, as it was asked"
    record = said[len(asked) :]
    assert record == b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\xa8\x04\x01"
    assert answer(query(name=b"\x00"), AP)[-4:] == b"\xc0\xa8\x04\x01", "the root is a name, too"


def test_letters_of_the_question_are_kept():
    # Resolvers mix upper and lower case and drop answers in which they differ.
    name = b"\x07CaPtIvE\x05aPPle\x03CoM\x00"
    assert name in answer(query(name=name), AP)


def test_other_types_are_empty_but_exist():
    for kind in (28, 65, 64, 16, 15, 255, 0):
        said = answer(query(kind=kind), AP)
        assert said[3] & 15 == 0 and said[6:8] == b"\x00\x00" and len(said) == len(query()), kind
    assert answer(query(klass=3), AP)[6:8] == b"\x00\x00"


def test_additional_records_of_the_question_are_left_out():
    option = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"  # EDNS(0), RFC 6891
    said = answer(query(extra=option), AP)
    assert said[10:12] == b"\x00\x00" and option not in said and len(said) == len(query()) + 16


def test_what_is_no_question_is_not_answered():
    good = query()
    assert answer(query(flags=b"\x81\x80"), AP) is None, "an answer: two servers would never end"
    assert answer(query(flags=b"\x28\x00"), AP) is None, "an update"
    two = bytearray(good)
    two[5] = 2
    assert answer(bytes(two), AP) is None
    for end in range(len(good)):
        assert answer(good[:end], AP) is None, end
    assert answer(query(name=b"\xc0\x0c"), AP) is None, "a pointer to itself"
    assert answer(query(name=b"\x40" + b"a" * 64 + b"\x00"), AP) is None, "a label of 64"
    assert answer(query(name=(b"\x3f" + b"a" * 63) * 4 + b"\x00"), AP) is None, "257 bytes"
    assert answer(query(name=(b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\x00"), AP)
    assert answer(good + bytes(513 - len(good)), AP) is None


def test_garbage_never_raises():
    seed = 20261122
    good = query()
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(4):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            data[(seed >> 8) % len(data)] = seed >> 16 & 0xFF
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        said = answer(bytes(data[: (seed >> 8) % (len(data) + 1)]), AP)
        assert said is None or len(said) <= len(good) + 16


class Link:
    """A UDP socket that holds some questions."""

    def __init__(self, questions):
        self.questions = list(questions)
        self.said = []

    def recvfrom(self, size):
        if not self.questions:
            raise OSError(11)
        item = self.questions.pop(0)
        if isinstance(item, Exception):
            raise item
        return item[:size], ("192.168.4.2", 5353)

    def sendto(self, data, address):
        if len(self.said) == 1:
            self.said.append(None)
            raise OSError(12)  # no buffer
        self.said.append(data)


def test_errors_of_the_socket_end_nothing():
    link = Link([query(), OSError(111), bytes(600), query(), query()])
    for _ in range(5):
        assert captive_dns._once(link, AP)
    assert not captive_dns._once(link, AP), "nothing more"
    assert link.said[0] and link.said[1] is None and link.said[2]
