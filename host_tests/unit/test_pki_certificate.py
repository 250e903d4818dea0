# Certificates: every field, and every form that no certificate has.
# MIT license; part of microevse

import hashlib
from binascii import hexlify

import pki_made as m
from helpers import raises
from pki import hashdata, names
from pki.certificate import DIGITAL_SIGNATURE, KEY_CERT_SIGN, parse, point
from pki.der import DerError, element, integer

KEY, SIGNER = m.key("CP1"), m.key("root")
# Bounds of times.
YEAR_2050 = 2524608000


def cert(*extensions, **more):
    return m.made("CP1", "root", KEY, SIGNER, *extensions, signature=b"sig", **more)


def refused(*extensions, **more):
    return str(raises(DerError, parse, cert(*extensions, **more)))


def test_the_fields_of_a_certificate():
    der = m.device(serial=integer(0x1234))
    made = parse(der)
    assert made.der == der and made.serial == 0x1234
    assert made.issuer == m.name("root") and made.subject == m.name("CP1")
    assert (made.common_name, made.organization) == ("CP1", "")
    assert (made.not_before, made.not_after) == (1798761600, 2114380800)
    assert made.key == ("p256", KEY.x, KEY.y) and made.algorithm == "p256"
    assert made.key_bits == b"\x04" + KEY.x.to_bytes(32, "big") + KEY.y.to_bytes(32, "big")
    begin, end = made.tbs
    assert der[begin] == 0x30 and made.signature == SIGNER.sign(der[begin:end])
    assert not made.ca and made.path_length is None
    assert made.key_usage == DIGITAL_SIGNATURE
    assert made.extended_usage == (b"\x2b\x06\x01\x05\x05\x07\x03\x02",)
    assert made.dns == made.addresses == ()
    assert made.subject_key_id is made.authority_key_id is None


def test_it_may_come_in_any_buffer():
    der = m.device()
    for kind in (bytearray, memoryview):
        made = parse(kind(der))
        assert made.der == der and isinstance(made.der, bytes)


def test_the_extensions():
    made = parse(
        cert(
            m.constraints(True, 3),
            m.usage(0, 5, 8),
            m.extended(1, 3),
            m.alt("a.example", b"\x7f\x00\x00\x01", "b", bytes(16)),
            m.subject_key_id(b"own"),
            m.authority_key_id(b"its"),
            m.extension(32, b"\x30\x00"),  # policies: read by nobody
        )
    )
    assert made.ca is True and made.path_length == 3
    assert made.key_usage == DIGITAL_SIGNATURE | KEY_CERT_SIGN | 1 << 8
    assert [kind[-1] for kind in made.extended_usage] == [1, 3]
    assert made.dns == ("a.example", "b")
    assert made.addresses == (b"\x7f\x00\x00\x01", bytes(16))
    assert (made.subject_key_id, made.authority_key_id) == (b"own", b"its")
    assert parse(cert(m.alt("!", "~"))).dns == ("!", "~")
    assert parse(cert(m.constraints(False))).ca is False
    assert parse(cert(m.constraints(True))).path_length is None
    assert parse(cert(m.constraints(True, 200))).path_length == 200
    # Names of other kinds are not read; the authority may name its issuer and number as well.
    other = m.extension(17, element(0x30, element(0x86, b"urn:x"), element(0xA0, b"..")))
    assert parse(cert(other)).dns == ()
    full = element(0x30, element(0x80, b"id"), element(0xA1, b"issuer"), element(0x82, b"\x01"))
    assert parse(cert(m.extension(35, full))).authority_key_id == b"id"
    assert parse(cert(m.extension(35, b"\x30\x00"))).authority_key_id is None


def test_a_critical_extension_that_is_not_known_is_refused_and_any_twice():
    strange = element(0x06, b"\x2a\x03\x04")
    for kind in (strange, element(0x06, b"\x55\x1d\x1e"), element(0x06, b"\x55\x1c\x13"),
                 element(0x06, b"\x55\x1d\x13\x01")):  # fmt: skip
        body = element(0x30, kind, element(0x04, b"\x30\x00"))
        assert parse(cert(body)).ca is False
        critical = element(0x30, kind, element(0x01, b"\xff"), element(0x04, b"\x30\x00"))
        assert "not known" in refused(critical)
        assert "twice" in refused(body, body)
    assert "twice" in refused(m.usage(0), m.usage(0))
    assert "twice" in refused(m.usage(0), m.alt("a"), m.usage(1))


def test_extensions_that_are_none():
    for wrong in (
        m.extension(19, b"\x30\x03\x01\x01\x00"),  # the default, written out
        m.extension(19, element(0x30, integer(1))),  # a path length without a CA
        m.extension(19, element(0x30, element(1, b"\xff"), integer(1), integer(1))),
        m.extension(19, element(0x30, element(1, b"\xff"), b"\x02\x03\x01\x00\x00")),
        m.extension(19, b"\x30\x00\x00"),
        m.extension(15, m.bits(b"")),
        m.extension(15, m.bits(b"\x80", 7) + b"\x00"),
        m.extension(37, b"\x30\x00"),
        m.extension(37, element(0x30, element(0x06, b""))),
        m.extension(17, b"\x30\x00"),
        m.extension(17, element(0x30, element(0x82, b""))),
        m.extension(17, element(0x30, element(0x82, b"a b"))),
        m.extension(17, element(0x30, element(0x82, b"a\x00b"))),
        m.extension(17, element(0x30, element(0x82, b"a\x7f"))),
        m.extension(17, element(0x30, element(0x82, b"\xe4"))),
        m.extension(17, element(0x30, element(0x82, b"a" * 256))),
        m.extension(17, element(0x30, element(0x87, bytes(5)))),
        m.extension(14, b"\x05\x00"),
        m.extension(35, element(0x30, element(0x80, b"x"), element(0x80, b"x"))),
        element(
            0x30, element(0x06, b"\x55\x1d\x0e"), element(1, b"\x00"), element(4, b"\x04\x00")
        ),
        element(0x30, element(0x06, b"\x55\x1d\x0e"), element(4, b"\x04\x00"), element(5)),
        element(0x30, element(0x06, b"\x55\x1d\x0e")),
    ):
        refused(wrong)
    assert parse(cert(m.extension(17, element(0x30, element(0x82, b"a" * 255))))).dns
    refused(listed=element(0xA3, element(0x30)))
    refused(listed=element(0xA3, element(0x30, m.usage(0)), b"\x05\x00"))
    refused(m.usage(0), version=element(0xA0, integer(1)))  # only version 3 has extensions
    refused(m.usage(0), version=b"")


def test_lists_in_a_certificate_are_bounded():
    many = [element(0x82, b"a")] * 33
    assert len(parse(cert(m.extension(17, element(0x30, *many[:32])))).dns) == 32
    refused(m.extension(17, element(0x30, *many)))
    kinds = [element(0x30, element(0x06, b"\x2a" + bytes((i,))), b"\x04\x00") for i in range(33)]
    parse(cert(*kinds[:32]))
    refused(*kinds)
    usages = [element(0x06, b"\x2a\x03")] * 33
    assert len(parse(cert(m.extension(37, element(0x30, *usages[:32])))).extended_usage) == 32
    refused(m.extension(37, element(0x30, *usages)))
    parts = [m.attribute(11, "unit")] * 33
    parse(cert(inner=None, more=b"", listed=b"", serial=integer(1)))
    for count in (32, 33):
        der = m.made(element(0x30, *parts[:count]), "root", KEY, SIGNER, signature=b"s")
        if count == 32:
            assert parse(der).common_name == ""
        else:
            raises(DerError, parse, der)
    raises(DerError, parse, element(0x30, bytes(9000)))


def test_the_issuer_has_the_form_of_a_name():
    for wrong in (element(0x30, element(0x31)), element(0x30, m.attribute(3, "a" * 256))):
        raises(DerError, parse, m.made("CP1", wrong, KEY, SIGNER, signature=b"s"))


def test_versions():
    for version, good in ((element(0xA0, integer(1)), True), (b"", True),
                          (element(0xA0, integer(0)), False), (element(0xA0, integer(3)), False),
                          (element(0xA0, integer(2), integer(2)), False),
                          (element(0xA0), False), (integer(2), False)):  # fmt: skip
        if good:
            assert parse(cert(version=version)).common_name == "CP1"
        else:
            refused(version=version)
    unique = element(0x81, b"\x00x") + element(0x82, b"\x00x")
    assert parse(cert(m.usage(0), more=unique)).key_usage == 1
    assert parse(cert(more=element(0x82, b"\x00"))).common_name
    refused(more=unique, version=b"")
    refused(more=unique + unique)


def test_serial_numbers():
    assert parse(cert(serial=integer(0))).serial == 0
    assert parse(cert(serial=element(2, b"\x7f" * 20))).serial == int.from_bytes(
        b"\x7f" * 20, "big"
    )
    refused(serial=element(2, b"\x7f" * 21))
    refused(serial=element(2, b"\xff"))
    refused(serial=element(2, b""))


def test_both_places_name_the_same_algorithm():
    other = element(0x30, element(0x06, b"\x2a\x03"))
    assert parse(cert(algorithm=other)).algorithm is None
    assert "two" in refused(inner=other)
    rsa = m.RsaKey.algorithm
    assert parse(cert(algorithm=rsa)).algorithm == "rsa"
    for wrong in (
        element(0x30, element(0x06, m.ECDSA_SHA256), element(5)),
        element(0x30, element(0x06, m.RSA_SHA256)),
        element(0x30, element(0x06, m.RSA_SHA256), element(5, b"\x00")),
        element(0x30, element(0x06, m.RSA_SHA256), element(5), element(5)),
        element(0x30),
    ):
        refused(algorithm=wrong)


def test_keys():
    n = (1 << 2047) + 1
    made = parse(cert(info=m.RsaKey(n, 65537, 1).info()))
    assert made.key == ("rsa", n, 65537)
    ec = element(0x06, m.EC)
    short = element(0x30, ec, element(0x06, b"\x2b\x81\x04\x00\x22"))  # P-384
    assert parse(cert(info=element(0x30, short, m.bits(b"\x04" + bytes(96))))).key == (None,)
    explicit = element(0x30, ec, element(0x30, integer(1)))  # a curve that is written out
    assert parse(cert(info=element(0x30, explicit, m.bits(b"\x04")))).key == (None,)
    other = element(0x30, element(0x06, b"\x2b\x65\x70"))  # Ed25519
    made = parse(cert(info=element(0x30, other, m.bits(bytes(32)))))
    assert made.key == (None,) and made.key_bits == bytes(32)
    p256 = element(0x30, ec, element(0x06, m.P256))
    more = element(0x30, ec, element(0x06, m.P256), element(5))
    rsa = element(0x30, element(0x06, m.RSA), element(5))
    numbers = element(0x30, m.big(n), m.big(3))
    parse(cert(info=element(0x30, rsa, m.bits(numbers))))
    for algorithm, bits in (
        (p256, m.bits(b"\x04" + bytes(63))), (p256, m.bits(b"\x04" + bytes(65))),
        (p256, m.bits(b"\x02" + bytes(32))), (p256, m.bits(b"\x02" + bytes(64))),
        (p256, m.bits(b"")),
        (more, m.bits(b"\x04" + bytes(64))),
        (p256, m.bits(b"\x04" + bytes(64)) + b"\x05\x00"),
        (rsa, m.bits(numbers + b"\x05\x00")),
        (rsa, m.bits(element(0x30, m.big(n), m.big(3), m.big(3)))),
        (rsa, m.bits(element(0x30, m.big(n)))),
        (rsa, m.bits(element(0x30, m.big(1 << 4104), m.big(3)))),
        (element(0x30, element(0x06, m.RSA)), m.bits(numbers)),
        (element(0x30, element(0x06, m.RSA), element(5, b"x")), m.bits(numbers)),
        (element(0x30, element(0x06, m.RSA), element(5), element(5)), m.bits(numbers)),
        (element(0x30), m.bits(b"")),
    ):  # fmt: skip
        refused(info=element(0x30, algorithm, bits))
    assert point(b"\x04" + bytes(31) + b"\x01" + bytes(31) + b"\x02") == (1, 2)


def times(start, end, tag):
    made = parse(cert(start=start, end=end, tag=tag))
    return made.not_before, made.not_after


def test_times_from_the_year_1_to_9999():
    for start, end, tag, wanted in (
        (b"700101000000Z", b"491231235959Z", 0x17, (0, YEAR_2050 - 1)),
        (b"500101000000Z", b"000229235959Z", 0x17, (-631152000, 951868799)),
        (b"20500101000000Z", b"99991231235959Z", 0x18, (YEAR_2050, 253402300799)),
        (b"00010101000000Z", b"21000301000000Z", 0x18, (-62135596800, 4107542400)),
        (b"20000229120000Z", b"20280229010203Z", 0x18, (951825600, 1835398923)),
        (b"16000229000000Z", b"24000229000000Z", 0x18, (-11670998400, 13574563200)),
        (b"20260131000000Z", b"20261231000000Z", 0x18, (1769817600, 1798675200)),
        (b"20240301000000Z", b"20230301000000Z", 0x18, (1709251200, 1677628800)),
    ):
        assert times(start, end, tag) == wanted, start
    for text, tag in (
        (b"000101000000Z", 0x18), (b"20270101000000Z", 0x17), (b"2701010000Z", 0x17),
        (b"270101000000+0000", 0x17), (b"20270101000000.5Z", 0x18), (b"270101000000z", 0x17),
        (b"270001000000Z", 0x17), (b"271301000000Z", 0x17), (b"270100000000Z", 0x17),
        (b"270132000000Z", 0x17), (b"270431000000Z", 0x17), (b"270229000000Z", 0x17),
        (b"21000229000000Z", 0x18), (b"19000229000000Z", 0x18), (b"15000229000000Z", 0x18),
        (b"271232000000Z", 0x17), (b"240431000000Z", 0x17), (b"240230000000Z", 0x17),
        (b"27010100000:Z", 0x17), (b"27010100001/Z", 0x17),
        (b"270101240000Z", 0x17), (b"270101006000Z", 0x17),
        (b"270101000060Z", 0x17), (b"27010100000 Z", 0x17), (b"2701010000:0Z", 0x17),
        (b"2701010000/0Z", 0x17), (b"-70101000000Z", 0x17),
        (b"00000101000000Z", 0x18), (b"", 0x17), (b"270101000000Z", 0x16),
    ):  # fmt: skip
        raises(DerError, times, text, text, tag)


def test_only_one_certificate_and_nothing_behind_it():
    der = m.device()
    for wrong in (der + b"\x00", der[:-1], der[1:], b"", b"\x30\x00", der + der):
        raises(DerError, parse, wrong)
    # Something behind each part.
    for path in ((), (0,), (0, 4), (0, 6), (0, 6, 0)):
        raises(DerError, parse, grown(der, path))


def grown(der, path):
    """With a NULL behind the last child of the element at `path`."""
    from pki.der import Reader

    reader = Reader(der)
    tag = reader.tag()
    inner = reader.inside(tag) if tag & 0x20 else None
    if inner is None:
        return element(tag, reader.content(tag), b"\x05\x00")
    children = []
    while inner.tag() is not None:
        children.append(inner.whole(inner.tag()))
    if path:
        children[path[0]] = grown(children[path[0]], path[1:])
    else:
        children.append(b"\x05\x00")
    return element(tag, *children)


# -- names ---------------------------------------------------------------------------------


def read(*attributes):
    return names.read(element(0x30, *attributes), names.COMMON_NAME)


def test_the_common_name_as_a_person_reads_it():
    assert read(m.attribute(3, "L\u00e4dchen 1")) == "L\u00e4dchen 1"
    assert read(m.attribute(3, "CP-1", 0x13)) == "CP-1" == read(m.attribute(3, "CP-1", 0x16))
    assert read(m.attribute(3, b"L\xe4d", 0x14)) == "L\u00e4d"
    assert read(m.attribute(3, b"\x00L\x20\xac", 0x1E)) == "L\u20ac"
    assert read() == "" == read(m.attribute(10, "x"))
    assert read(m.attribute(10, "x"), m.attribute(3, "y")) == "y"
    assert read(m.attribute(3, "x"), m.attribute(3, "y")) == "", "which of the two?"
    assert read(m.attribute(3, "x"), m.attribute(3, b"\xff")) == ""
    assert names.read(m.name("x", "Org"), names.ORGANIZATION) == "Org"
    two = element(0x31, m.attribute(3, "x")[2:] + m.attribute(10, "y")[2:])
    assert read(two) == "x"


def test_what_would_deceive_a_reader_is_not_shown():
    for wrong in (
        b"a\x00b",
        b"\x1f",
        b"a\nb",
        b"\x1b[2J",
        b"a\x7f",
        b"\xc2\x80",
        b"\xc2\x9f",
        b"\xff",
        b"\xc3",
    ):
        assert read(m.attribute(3, wrong)) == "", wrong
    assert read(m.attribute(3, b"\xc2\xa0")) == "\xa0" and read(m.attribute(3, b" ~")) == " ~"
    assert read(m.attribute(3, b"\xd8\x00", 0x1E)) == "" == read(m.attribute(3, b"\xdf\xff", 0x1E))
    assert read(m.attribute(3, b"\xd7\xff", 0x1E)) and read(m.attribute(3, b"\xe0\x00", 0x1E))
    assert read(m.attribute(3, b"abc", 0x1E)) == "" == read(m.attribute(3, b"abcd", 0x1C))


def test_names_that_are_none():
    long = m.attribute(3, "a" * 255)
    assert len(read(long)) == 255
    for wrong in (
        m.attribute(3, "a" * 256), m.attribute(10, "a" * 256), element(0x31),
        element(0x31, element(0x30)), element(0x31, element(0x30, element(6, b"\x55\x04\x03"))),
        element(0x31, element(0x30, element(6, b"\x55\x04\x03"), element(12, b"a"), element(5))),
        element(0x30),
    ):  # fmt: skip
        raises(DerError, read, wrong)
    raises(DerError, names.read, m.name("a") + b"\x05\x00", names.COMMON_NAME)


class Named:
    def __init__(self, common_name="", dns=(), addresses=()):
        self.common_name, self.dns, self.addresses = common_name, dns, addresses


def test_a_host_is_one_of_the_names():
    for certificate, good, bad in (
        (Named(dns=("a.example",)), ("a.example", "A.Example"), ("b.a.example", "example", "")),
        (Named(dns=("x", "A.Example")), ("a.example", "x"), ("y",)),
        (
            Named(dns=("*.a.example",)),
            ("b.a.example", "B.A.Example"),
            ("a.example", "c.b.a.example", ".a.example", "*.a.example.b"),
        ),
        (Named(dns=("*.example",)), (), ("a.example", "example")),
        (Named(dns=("*",)), (), ("*", "a")),
        (Named(dns=("a*.b.example",)), (), ("ab.b.example", "a*.b.example")),
        (Named("cn.example", ("a.example",)), ("a.example",), ("cn.example",)),
        (Named("cn.example"), ("cn.example", "CN.example"), ("cn",)),
        (Named("*.b.example"), ("a.b.example",), ("b.example",)),
        (Named(""), (), ("", "a")),
        (Named("1.2.3.4"), ("1.2.3.4",), ("1.2.3.5",)),
        (Named("1.2.3.4", ("a",)), ("a",), ("1.2.3.4",)),
        (Named("cn", (), (b"\x01\x02\x03\x04",)), ("1.2.3.4",), ("1.2.3.5", "cn")),
        (Named(dns=("1.2.3.4",)), (), ("1.2.3.4",)),
        (Named(dns=("*.3.4", "*.2.3.4")), (), ("1.2.3.4",)),
        (Named("*.2.3.4"), ("a.2.3.4",), ("1.2.3.4",)),
    ):
        for host in good:
            assert names.is_host(certificate, host), (certificate.dns, host)
        for host in bad:
            assert not names.is_host(certificate, host), (certificate.dns, host)


def test_an_address_is_four_numbers():
    assert names.address("1.2.3.4") == b"\x01\x02\x03\x04"
    assert names.address("255.0.010.9") == b"\xff\x00\x0a\x09"
    for text in ("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.0001", "1..3.4", "a.b.c.d",
                 "1.2.3.-1", "1.2.3.\u0661", "1.2.3./", "1.2.3.:"):  # fmt: skip
        assert names.address(text) is None, text


# -- hash data -----------------------------------------------------------------------------


def hashed(data):
    return hexlify(hashlib.sha256(data).digest()).decode()


def test_hash_data_of_a_root_and_of_another():
    root = parse(m.root(serial=integer(0x0A0B)))
    wanted = hashed(m.name("root")), hashed(root.key_bits), "a0b"
    assert hashdata.of(root) == wanted == hashdata.of(root, root)
    leaf = parse(m.device(serial=integer(0)))
    assert hashdata.of(leaf, root) == wanted[:2] + ("0",)
    raises(ValueError, hashdata.of, leaf)
    raises(ValueError, hashdata.of, leaf, parse(m.root("other")))
    assert hashdata.ALGORITHM == "SHA256"


def test_hash_data_are_compared_as_numbers():
    mine = "ab", "cd", "a0b"
    for asked in (mine, ("AB", "CD", "A0B"), ("aB", "cd", "000a0b")):
        assert hashdata.same(mine, asked)
    for asked in (("ac", "cd", "a0b"), ("ab", "ce", "a0b"), ("ab", "cd", "a0c"), ("ab", "cd", "")):
        assert not hashdata.same(mine, asked)
    assert hashdata.same(("", "", "0"), ("", "", "000"))
