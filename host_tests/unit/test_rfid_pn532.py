# The PN532 driver on all three buses against a model of the chip.
# MIT license; part of microevse

from helpers import raises, run
from models import Noise, Time
from models import pn532 as model

from rfid import pn532, pn532_bus, polling
from rfid.pn532 import ACK, NACK, Parser, Pn532, frame
from rfid.polling import Polled, ReaderError

UID4 = b"\xde\xad\xbe\xef"
UID7 = b"\x04\xa3\xb2\xc1\xd0\xe9\x80"
UID10 = b"\x08\x01\x02\x03\x04\x05\x06\x07\x09\x0a"
HEX = "04A3B2C1D0E980"
BUSES = ("hsu", "i2c", "spi")


class Bench:
    def __init__(self, bus="hsu", seed=3):
        self.time = Time().rule(pn532, pn532_bus, polling)
        self.chip = model.Pn532(self.time, Noise(seed))
        if bus == "hsu":
            self.wire = model.Uart(self.chip)
            transport = pn532_bus.Hsu(self.wire)
        elif bus == "i2c":
            self.wire = model.I2c(self.chip)
            transport = pn532_bus.I2c(self.wire)
        else:
            self.wire = model.Spi(self.chip)
            transport = pn532_bus.Spi(self.wire, self.wire.cs)
        self.driver = Pn532(transport, ticks_ms=self.time)
        self.reports = []
        self.reader = Polled(self.driver, self.reports.append, self.time)

    def tags(self, seconds):
        found = []

        async def body():
            end = self.time.us + seconds * 1000000
            while self.time.us < end:
                tag = await self.reader.step()
                if tag is not None:
                    found.append(tag)
                await self.time.sleep(self.reader._pause_s())

        run(body())
        return found


def test_frames_are_those_of_the_manual():
    # The manual's GetFirmwareVersion and its answer (6.2.1, 7.2.2).
    assert frame(b"\xd4\x02") == b"\x00\x00\xff\x02\xfe\xd4\x02\x2a\x00"
    parser = Parser()
    parser.feed(b"\x00\x00\xff\x06\xfa\xd5\x03\x32\x01\x06\x07\xe8\x00")
    assert parser.next() == b"\xd5\x03\x32\x01\x06\x07" and parser.next() is None


def test_frames_are_found_in_noise_and_in_pieces():
    stream = b"\x12\x00\xff" + ACK + b"\xaa\x00" + frame(b"\xd5\x4b\x00") + NACK
    for size in (1, 2, 5, 100):
        parser = Parser()
        found = []
        for i in range(0, len(stream), size):
            parser.feed(stream[i : i + size])
            while True:
                one = parser.next()
                if one is None:
                    break
                found.append(one)
        assert found == [ACK, b"\xd5\x4b\x00", NACK], (size, found)


def test_every_single_wrong_bit_spoils_a_frame():
    good = frame(b"\xd5\x4b\x01\x01\x00\x04\x08\x04" + UID4)
    for i in range(3, len(good) - 1):
        for bit in range(8):
            bad = bytearray(good)
            bad[i] ^= 1 << bit
            parser = Parser()
            parser.feed(bytes(bad))
            assert parser.next() is None, (i, bit)


def test_cards_are_read_on_every_bus():
    for bus in BUSES:
        for uid in (UID4, UID7, UID10):
            b = Bench(bus)
            b.chip.put(uid)
            text = "".join(["%02X" % x for x in uid])
            assert b.tags(20) == [text], (bus, uid)
            assert b.driver.version == "1.6" and b.chip.tries == 1
            b.chip.put()
            assert b.tags(2) == []
            b.chip.put(uid)
            assert b.tags(2) == [text] and b.reports == []


def test_spoilt_answers_are_never_a_tag():
    for bus in BUSES:
        for fault in ("bad_dcs", "bad_lcs", "half", "swapped"):
            b = Bench(bus)
            b.tags(1)
            b.chip.put(UID7)
            setattr(b.chip, fault, 1000)
            assert b.tags(10) == [] and b.reports, (bus, fault)
            setattr(b.chip, fault, 0)
            assert b.tags(5) == [HEX] and b.reports[1:] == [None]


def test_one_spoilt_answer_is_no_failure():
    for bus in BUSES:
        for fault in ("bad_dcs", "half"):
            b = Bench(bus)
            b.chip.put(UID7)
            setattr(b.chip, fault, 1)
            assert b.tags(5) == [HEX] and b.reports == [], (bus, fault)


def test_silent_chip_is_reported_once_and_set_up_again():
    for bus in BUSES:
        for fault in ("silent", "deaf"):
            b = Bench(bus)
            assert b.tags(1) == []
            setattr(b.chip, fault, True)
            assert b.tags(30) == [] and len(b.reports) == 1, (bus, b.reports)
            b.chip.power_cycle()
            setattr(b.chip, fault, False)
            b.tags(5)
            assert b.reports[1:] == [None] and b.chip.sam
            b.chip.put(UID4)
            assert b.tags(2) == ["DEADBEEF"]


def test_chip_without_power_is_reported_from_the_start():
    for bus in BUSES:
        b = Bench(bus)
        b.chip.silent = True
        b.tags(10)
        assert len(b.reports) == 1


def test_answer_after_its_deadline_is_not_taken_for_the_next_one():
    b = Bench()
    b.tags(1)
    b.chip.put(UID7)
    b.chip.late_ms = 500
    assert b.tags(10) == [] and len(b.reports) == 1
    b.chip.put()
    b.chip.late_ms = 0
    assert b.tags(5) == []
    assert b.reports[1:] == [None]


def test_late_answer_is_thrown_away_by_the_next_question():
    # Without the abort the chip sends it; with one that comes too late it is on the wire.
    for aborts in (True, False):
        b = Bench()
        run(b.driver.start())
        b.chip.put(UID7)
        b.chip.late_ms = 400
        if not aborts:
            b.chip.receive = lambda data, hear=b.chip.receive: hear(data) if data != ACK else None
        raises(ReaderError, run, b.driver.look())
        assert bool(b.chip.pending()) != aborts
        b.chip.put()
        b.chip.late_ms = 0
        b.time.pass_ms(1000)
        assert run(b.driver.look()) is None, aborts


def test_half_an_answer_is_not_completed_by_the_next_one():
    b = Bench()
    run(b.driver.start())
    b.chip.put(UID7)
    b.chip.half = 1
    raises(ReaderError, run, b.driver.look())
    b.chip.put(UID4)
    assert run(b.driver.look()) == UID4 and b.driver.spoilt == 0


def test_other_chip_is_refused():
    b = Bench()
    b.chip.ic = 0x07
    assert "something else" in str(raises(ReaderError, run, b.driver.start()))


def test_garbage_on_the_line_does_not_hide_a_card():
    b = Bench()
    b.tags(1)
    b.chip.put(UID7)
    b.wire.inject(b"\x00\x00\xff\x30\xd0" + b"\x55" * 20)
    assert b.tags(5) == [HEX]


def test_nothing_stalls_longer_than_ten_milliseconds():
    for bus in BUSES:
        b = Bench(bus)
        b.chip.put(UID10)
        b.tags(5)
        assert b.time.longest_us < 10000, (bus, b.time.longest_us)


def test_noise_never_makes_a_wrong_tag():
    right = wrong = 0
    for seed in range(1, 31):
        b = Bench("hsu", seed)
        b.chip.noise = seed
        for n in range(6):
            uid = bytes([4, seed, n, 3, 4, 5, 6])
            b.chip.put(uid)
            for tag in b.tags(2):
                if tag == "".join(["%02X" % x for x in uid]):
                    right += 1
                else:
                    wrong += 1
            b.chip.put()
            b.tags(1)
    assert wrong == 0 and right > 60, (right, wrong)


def test_the_sak_decides_whether_a_uid_is_complete():
    tail4, tail7 = b"\x12\x34\x56", UID7[:3] + b"\x88" + UID7[:3]
    for sak, told, uid in (
        (0x08, b"\x88" + tail4, b"\x88" + tail4),
        (0x20, b"\x88\x88\x88\x88", b"\x88\x88\x88\x88"),
        (0x00, tail7, tail7),
        # Many cards share the beginning of a longer UID: with one of them a driver would have
        # charged on the account of another.
        (0x04, b"\x88" + tail4, None),
        (0x0C, UID4, None),
        # Firmware that leaves the cascade tags in.
        (0x08, b"\x88" + UID7, UID7),
        (0x08, b"\x88" + UID10[:3] + b"\x88" + UID10[3:], UID10),
    ):
        b = Bench()
        answer = bytes((1, 1, 0, 0x44, sak, len(told))) + told
        b.chip._list = lambda data: (answer, 12)
        expected = [] if uid is None else ["".join(["%02X" % byte for byte in uid])]
        assert b.tags(2) == expected, (sak, told)
        assert b.reports == [], "the reader is well"


def test_its_cards_are_of_iso_14443():
    b = Bench()
    assert b.driver.kind == b.reader.kind == "ISO14443"
