# Chains of certificates: which are believed, and for what reason others are not.
# MIT license; part of microevse
"""Every chain here is real: made and signed by hand (pki_made.py), so that one thing alone is
wrong."""

import pki_made as m
from helpers import run
from pki import chain
from pki.certificate import parse
from pki.chain import ChainError, check
from pki.der import element, integer

ROOT, OTHER = m.root(), m.root("other")
SUB = m.authority("sub", "root")
LEAF = m.device()
BELOW = m.device("CP1", "sub")
START, END = 1798761600, 2114380800


class Pauses:
    def __init__(self):
        self.count = 0

    async def __call__(self):
        self.count += 1


def believed(certificates, roots=(ROOT,), now=m.NOW, purpose="client", name=None):
    return run(check(certificates, roots, now, purpose, None, name))


def reason(certificates, *args, **more):
    """The reason for which it is refused, and the sentence."""
    try:
        believed(certificates, *args, **more)
    except ChainError as exc:
        assert str(exc)[0].islower() and len(str(exc)) > 15
        return exc.reason, str(exc)
    raise AssertionError("it was believed")


def refused(word, certificates, *args, text="", **more):
    found = reason(certificates, *args, **more)
    assert found[0] == word and text in found[1], found


def test_a_chain_to_an_installed_root_is_believed():
    found = believed([LEAF])
    assert found.common_name == "CP1" and found.der == LEAF
    for certificates in ([BELOW, SUB], [LEAF, ROOT], [BELOW, SUB, ROOT]):
        assert believed(certificates).der == certificates[0]
        assert believed(certificates, [OTHER, b"damaged", ROOT]).common_name == "CP1"
    # Roots may come one by one, as they are read from flash.
    assert believed([LEAF], (root for root in (OTHER, ROOT)))
    lower = m.authority("lower", "sub")
    assert believed([m.device("CP1", "lower"), lower, SUB, ROOT])


def test_what_cannot_be_read_is_malformed():
    refused("malformed", [], text="no certificate")
    refused("malformed", [b"x"], text="the certificate cannot")
    refused("malformed", [BELOW, SUB[:-1]], text="certificate 2 of the chain cannot")
    strange = element(0x30, element(6, b"\x2a\x03"), element(1, b"\xff"), element(4, b"\x30\x00"))
    refused("malformed", [m.device("CP1", "root", strange)], text="critical")


def test_a_lack_of_memory_is_no_fault_of_the_certificate():
    """Who asks tells it from a bad certificate, and may ask again."""
    whole = chain.read
    for certificates, root in (([LEAF], None), ([LEAF], 2), (None, 1)):
        count = [0]

        async def read(der, pause):
            count[0] += 1  # noqa: B023
            if root is None or count[0] == root:  # noqa: B023
                raise MemoryError
            return await whole(der, pause)

        chain.read = read
        try:
            if certificates:
                believed(certificates)
            else:
                run(chain.check_root(ROOT, m.NOW, "client"))
            raise AssertionError("it was judged")
        except MemoryError:
            pass
        finally:
            chain.read = whole


def test_a_lack_of_memory_ends_the_check_also_where_another_root_would_do():
    whole, count = chain._signed, []

    async def once(*arguments):
        count.append(1)
        if len(count) == 1:
            raise MemoryError
        await whole(*arguments)

    chain._signed = once
    try:
        believed([LEAF], [ROOT, m.root(length=3)])
        raise AssertionError("it was judged")
    except MemoryError:
        pass
    finally:
        chain._signed = whole


def test_time():
    for start, end in ((START, END),):
        assert believed([LEAF], now=start) and believed([LEAF], now=end)
        refused("not_yet_valid", [LEAF], now=start - 1, text="the certificate is not valid yet")
        refused("expired", [LEAF], now=end + 1, text="the certificate has expired")
    early, late = {"end": b"270102000000Z"}, {"start": b"300101000000Z"}
    refused("expired", [m.device(**early)])
    refused("not_yet_valid", [m.device(**late)])
    for certificates, roots in (
        ([BELOW, m.authority("sub", "root", **early)], [ROOT]),
        ([LEAF], [m.root(**early)]),
        ([LEAF, m.root(**early)], [m.root(**early)]),
    ):
        word = "expired"
        refused(word, certificates, roots)
    refused("not_yet_valid", [BELOW, m.authority("sub", "root", **late)], text="certificate 2")
    refused("not_yet_valid", [LEAF], [m.root(**late)], text="the root")


def test_the_root():
    refused("unknown_root", [LEAF], [OTHER])
    refused("unknown_root", [LEAF], [])
    refused("unknown_root", [LEAF, ROOT], [OTHER])
    refused("unknown_root", [BELOW, SUB], [OTHER], text="certificate 2")
    refused("unknown_root", [BELOW], [ROOT], text="the certificate")  # its issuer is missing
    # Another key under the same name.
    twin = m.made("root", "root", m.key("x"), m.key("x"), m.constraints(), m.usage(5))
    refused("bad_signature", [LEAF], [twin])
    assert believed([LEAF], [twin, ROOT]) and believed([LEAF], [ROOT, twin])
    refused("bad_signature", [LEAF, twin], [twin])
    # The keys' names tell two roots apart without any arithmetic.
    leaf = m.device("CP1", "root", m.usage(0), m.authority_key_id(b"new"))
    old = m.made("root", "root", m.key("x"), m.key("x"), m.constraints(), m.subject_key_id(b"old"))
    new = m.made(
        "root", "root", m.key("root"), m.key("root"), m.constraints(), m.subject_key_id(b"new")
    )
    refused("unknown_root", [leaf], [old])
    assert believed([leaf], [old, new]) and believed([leaf], [ROOT])
    assert believed([LEAF], [new])
    # An intermediate certificate may be installed as a root.
    assert believed([BELOW], [SUB]) and believed([BELOW, SUB], [SUB])


def test_a_root_renewed_with_the_same_key():
    renewed = m.root(end=b"20460101000000Z", tag=0x18, start=b"20270101000000Z")
    assert believed([LEAF, ROOT], [renewed]) and believed([LEAF], [ROOT, renewed])
    assert believed([LEAF], [m.root(end=b"270102000000Z"), renewed])
    refused("expired", [LEAF], [m.root(end=b"270102000000Z")])


def test_order():
    refused("wrong_order", [BELOW, ROOT, SUB], text="certificate 2")
    refused("wrong_order", [BELOW, ROOT])
    refused("wrong_order", [LEAF, SUB])
    refused("wrong_order", [BELOW, SUB, OTHER], text="certificate 3")
    refused("wrong_order", [BELOW, BELOW, SUB])
    # The order is of bytes: the same words in another form are another name.
    other_form = element(0x30, m.attribute(3, "sub", 0x13))
    sub = m.made(other_form, "root", m.key("sub"), m.key("root"), m.constraints(), m.usage(5))
    refused("wrong_order", [BELOW, sub])


def test_length():
    names = ["root", "a", "b", "c", "d"]
    between = [m.authority(names[i + 1], names[i]) for i in range(4)]
    four = [m.device("CP1", "c"), between[2], between[1], between[0]]
    assert believed(four)
    refused("too_long", [m.device("CP1", "d")] + between[::-1])
    refused("too_long", four + [ROOT])
    # Path lengths: of the root, and of one between.
    assert believed([LEAF], [m.root(length=0)])
    refused("too_long", [BELOW, SUB], [m.root(length=0)], text="the root")
    assert believed([BELOW, SUB], [m.root(length=1)])
    refused("too_long", [BELOW, SUB, m.root(length=0)], [m.root(length=0)], text="certificate 3")
    assert believed([BELOW, m.authority("sub", "root", 0)])
    lower = [m.device("CP1", "lower"), m.authority("lower", "sub")]
    refused("too_long", lower + [m.authority("sub", "root", 0)], text="certificate 3")
    assert believed(lower + [m.authority("sub", "root", 1)])
    # One that has issued itself anew does not count.
    again = m.made("root", "root", m.key("root"), m.key("root"), m.constraints(), m.usage(5),
                   serial=integer(9))  # fmt: skip
    assert believed([LEAF, again], [m.root(length=0)])


def test_who_may_issue():
    for parts in (
        (m.constraints(False), m.usage(5)),
        (m.usage(5),),
        (m.constraints(), m.usage(0, 6)),
    ):
        sub = m.made("sub", "root", m.key("sub"), m.key("root"), *parts)
        refused("wrong_usage", [BELOW, sub], text="certificate 2")
        root = m.made("root", "root", m.key("root"), m.key("root"), *parts)
        refused("wrong_usage", [LEAF], [root], text="the root")
        refused("wrong_usage", [LEAF, root], [root], text="certificate 2")
    sub = m.made("sub", "root", m.key("sub"), m.key("root"), m.constraints())
    assert believed([BELOW, sub])  # without a key usage there is no bound
    # A certificate of a device is no authority, whatever it signs.
    stolen = m.device("CP2", "CP1")
    refused("wrong_usage", [stolen, LEAF], text="certificate 2")
    # An old one without extensions is none, either.
    old = m.made("root", "root", m.key("root"), m.key("root"), version=b"")
    refused("wrong_usage", [LEAF], [old])


def test_what_a_key_may_be_used_for():
    for purpose, number in (("server", 1), ("client", 2), ("signing", 3)):
        for parts, good in (
            # A charger's, say, of the same root: it must not sign firmware.
            ((m.usage(0),), purpose != "signing"),
            ((m.usage(0, 2), m.extended(number)), True),
            ((m.usage(0), m.extended(9, number)), True),
            ((m.extended(number),), purpose != "signing"),
            ((m.alt("x"),), purpose != "signing"),
            ((m.usage(1, 2), m.extended(number)), False),
            ((m.usage(5),), False),
            ((m.usage(0), m.extended(number % 3 + 1)), False),
            ((m.usage(0), m.extension(37, element(0x30, element(6, b"\x55\x1d\x25\x00")))), False),
            ((m.usage(0, 5), m.constraints()), False),
            ((m.usage(0), m.constraints(False)), purpose != "signing"),
            ((m.usage(0), m.constraints(False), m.extended(number)), True),
        ):
            leaf = m.device("CP1", "root", *parts)
            if good:
                assert believed([leaf], purpose=purpose), (purpose, parts)
            else:
                refused("wrong_usage", [leaf], purpose=purpose)
    # Who issues for another purpose only.
    sub = m.made("sub", "root", m.key("sub"), m.key("root"), m.constraints(), m.extended(1))
    refused("wrong_usage", [BELOW, sub], text="certificate 2 of the chain is for another purpose")
    leaf = m.device("h", "sub", m.usage(0))
    assert believed([leaf, sub], purpose="server")
    # A root is no certificate of a device, and neither is one that has signed itself.
    refused("wrong_usage", [ROOT])
    own = m.made("CP1", "CP1", m.key("CP1"), m.key("CP1"), m.usage(0))
    refused("unknown_root", [own], [own])
    refused("unknown_root", [own], [own, m.root("CP1")])
    refused("wrong_usage", [own, own], [own])


def rooted(der, now=m.NOW, purpose="client", pause=None):
    return run(chain.check_root(der, now, purpose, pause))


def no_root(word, der, *args, text=""):
    try:
        rooted(der, *args)
    except ChainError as exc:
        assert exc.reason == word and text in str(exc), (exc.reason, str(exc))
        return
    raise AssertionError("it was taken")


def test_what_may_be_installed_as_a_root():
    assert rooted(ROOT).common_name == "root"
    assert rooted(m.root(length=0)).path_length == 0
    no_root("malformed", b"x", text="the root cannot be read")
    no_root("wrong_order", SUB, text="no root")
    own = m.made("CP1", "CP1", m.key("CP1"), m.key("CP1"), m.usage(0))
    no_root("wrong_usage", own, text="the root may not issue")
    no_root("wrong_usage", m.root("r", None, None, version=b"", listed=b""))
    no_root("expired", ROOT, END + 1, text="the root has expired")
    no_root("not_yet_valid", ROOT, START - 1)
    server = m.made("r", "r", m.key("r"), m.key("r"), m.constraints(), m.usage(5), m.extended(1))
    assert rooted(server, purpose="server")
    no_root("wrong_usage", server, text="another purpose")
    no_root("bad_signature", flipped(ROOT, len(ROOT) - 1), text="of the root is wrong")
    # One that is signed in a way not known here is believed because somebody installs it.
    other = element(0x30, element(6, b"\x2a\x86\x48\xce\x3d\x04\x03\x03"))  # SHA-384
    assert rooted(m.root(algorithm=other)).algorithm is None
    pauses = Pauses()
    rooted(ROOT, pause=pauses)
    assert pauses.count > 89, "of the signature, and of what is read"


def test_names():
    assert believed([LEAF], name="CP1") and believed([BELOW, SUB, ROOT], name="CP1")
    refused("wrong_name", [BELOW, SUB], name="sub")
    for wrong in ("CP2", "cp1", "CP", "CP11", ""):
        refused("wrong_name", [LEAF], name=wrong)
    both = element(0x30, m.attribute(3, "CP1"), m.attribute(3, "CP2"))
    two = m.made(both, "root", m.key("CP1"), m.key("root"), m.usage(0))
    refused("wrong_name", [two], name="CP1")
    refused("wrong_name", [two], name="")
    server = m.device("cn", "root", m.usage(0), m.extended(1), m.alt("a.example", b"\x0a\0\0\x01"))
    for name in ("a.example", "10.0.0.1"):
        assert believed([server], purpose="server", name=name)
    for name in ("cn", "b.example", "10.0.0.2", ""):
        refused("wrong_name", [server], purpose="server", name=name)
    # The name of a device is its common name alone.
    refused("wrong_name", [m.device("x", "root", m.usage(0), m.alt("CP1"))], name="CP1")
    signer = m.device("Maker", "root", m.usage(0), m.extended(3))
    assert believed([signer], purpose="signing", name="Maker")
    refused("wrong_name", [signer], purpose="signing", name="Other")


def flipped(der, at):
    return der[:at] + bytes((der[at] ^ 1,)) + der[at + 1 :]


def test_signatures():
    refused("bad_signature", [flipped(LEAF, len(LEAF) - 1)], text="of the certificate is")
    refused("bad_signature", [flipped(LEAF, LEAF.index(b"CP1") + 2)])
    sub = flipped(SUB, len(SUB) - 1)
    refused("bad_signature", [BELOW, sub], text="certificate 2")
    refused("bad_signature", [m.made("CP1", "root", m.key("CP1"), m.key("x"), m.usage(0))])
    refused(
        "bad_signature",
        [m.made("CP1", "sub", m.key("CP1"), m.key("x"), m.usage(0)), SUB, ROOT],
        text="of the certificate is",
    )
    refused("bad_signature", [BELOW, m.made("sub", "root", m.key("sub"), m.key("x"),
                                            m.constraints(), m.usage(5)), ROOT])  # fmt: skip
    # Signed by another kind of key than the issuer has.
    rsa = m.made("CP1", "root", m.key("CP1"), m.key("root"), m.usage(0),
                 algorithm=m.RsaKey.algorithm)  # fmt: skip
    refused("bad_signature", [rsa])
    # What an installed root says of itself needs no signature: it is trusted as it is.
    assert believed([LEAF, m.root(signature=b"none")], [m.root(signature=b"none")])


def test_keys_and_algorithms():
    other = element(0x30, element(6, b"\x2a\x86\x48\xce\x3d\x04\x03\x03"))  # SHA-384
    refused("weak_key", [m.device(algorithm=other)], text="algorithm")
    off = m.Key(5)
    off.y += 1
    refused("weak_key", [m.made("CP1", "root", off, m.key("root"), m.usage(0))])
    for n, e in (((1 << 2047) - 1, 65537), ((1 << 2047) + 1, 1), ((1 << 2047) + 1, (1 << 32) + 1)):
        weak = m.RsaKey(n, e, 1)
        refused("weak_key", [m.made("CP1", "root", weak, m.key("root"), m.usage(0))])
    strange = element(0x30, element(0x30, element(6, b"\x2b\x65\x70")), m.bits(bytes(32)))
    refused("weak_key", [m.device(info=strange)], text="the key of the certificate")
    root = m.made("root", "root", weak, weak, m.constraints(), m.usage(5), signature=b"x")
    refused("weak_key", [LEAF], [root], text="the root")
    strong = m.RsaKey((1 << 2047) + 1, 65537, 1)
    assert believed([m.made("CP1", "root", strong, m.key("root"), m.usage(0))])


def test_a_chain_of_rsa():
    own = m.rsa_key()
    root = m.made("r", "r", own, own, m.constraints(), m.usage(5))
    leaf = m.made("CP1", "r", m.key("CP1"), own, m.usage(0))
    assert believed([leaf], [root])
    refused("bad_signature", [flipped(leaf, leaf.index(b"CP1"))], [root])
    refused("bad_signature", [flipped(leaf, len(leaf) - 2)], [root])


def test_it_pauses_and_what_costs_much_comes_last():
    """A check of P-256 has 89 pauses: where there are few, there was none."""
    pauses = Pauses()
    run(check([BELOW, SUB], [OTHER, ROOT], m.NOW, "client", pauses))
    assert pauses.count == 206
    for certificates, now, name, count in (
        ([BELOW, SUB], END + 1, None, 13), ([BELOW, SUB], m.NOW, "CP2", 14),
        ([BELOW, ROOT], m.NOW, None, 12),
    ):  # fmt: skip
        pauses = Pauses()
        try:
            run(check(certificates, [ROOT], now, "client", pauses, name))
            raise AssertionError("it was believed")
        except ChainError:
            assert pauses.count == count
    pauses = Pauses()
    try:
        run(check([LEAF], [OTHER] * 5, m.NOW, "client", pauses))
        raise AssertionError("it was believed")
    except ChainError:
        assert pauses.count == 37


def test_a_purpose_that_is_none_is_a_mistake_of_the_program():
    try:
        believed([m.device()], purpose="all")
    except KeyError:
        return
    raise AssertionError("it was taken")


def test_nothing_is_changed_by_a_check():
    before = parse(LEAF).tbs
    believed([LEAF, ROOT])
    assert parse(LEAF).tbs == before and chain.CHAIN_MAX == 4
