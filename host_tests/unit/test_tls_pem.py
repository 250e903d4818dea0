# PEM files as people have them: chains, comments, Windows line ends, damage.
# MIT license; part of microevse

from binascii import b2a_base64

from helpers import raises
from ocppj import tls

ONE = b"\x30\x82\x01\x00" + bytes(range(256))
TWO = b"\x30\x03abc"


def pem(der, label="CERTIFICATE", end="\n"):
    text = str(b2a_base64(der).strip(), "utf-8")
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return end.join(["-----BEGIN %s-----" % label] + lines + ["-----END %s-----" % label, ""])


def test_blocks_in_order_with_text_between():
    text = "subject=CN = x\n" + pem(ONE) + "\nissuer: y\n" + pem(TWO)
    assert tls.pem_to_der(text) == [ONE, TWO]
    assert tls.pem_to_der(pem(ONE, end="\r\n")) == [ONE]
    assert tls.pem_to_der("") == []


def test_only_the_wanted_labels():
    text = pem(ONE) + pem(TWO, "EC PRIVATE KEY") + pem(TWO, "EC PARAMETERS")
    assert tls.pem_to_der(text) == [ONE]
    assert tls.pem_to_der(text, tls.PRIVATE_KEY) == [TWO]


def test_damage_is_named_and_never_quoted():
    good = pem(ONE)
    for text, word in (
        (good[:-30], "no end"),
        (good.replace("-----BEGIN CERTIFICATE-----\n", ""), "without its beginning"),
        (good + good.split("\n")[0], "no end"),
        (good.replace(good.split("\n")[2] + "\n", ""), "cut short"),
        (good.replace("END CERT", "END X"), "without its beginning"),
        (pem(b"hello"), "no certificate"),
        (pem(TWO, "ENCRYPTED PRIVATE KEY"), "encrypted"),
        (good.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n", 1), "encrypted"),
    ):
        exc = raises(ValueError, tls.pem_to_der, text)
        assert word in str(exc), (word, str(exc))
        assert good.split("\n")[1][:12] not in str(exc)


def test_context_refuses_to_go_without_a_ca():
    exc = raises(ValueError, tls.client_context, [])
    assert "CA" in str(exc)
    raises(ValueError, tls.client_context, [b"\x30\x03abc"])
    raises(ValueError, tls.client_context, [ONE], b"cert", None)


def test_errors_in_plain_words():
    for exc, word in (
        (ValueError("\nThe certificate is not correctly signed by the trusted CA\n"), "given CA"),
        (ValueError("\nThe certificate Common Name (CN) does not match with the"), "another name"),
        (ValueError("\nThe certificate validity has expired\n"), "expired"),
        (ValueError("\nThe certificate validity starts in the future\n"), "clock"),
        (OSError(-30336, "MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED"), "no CA"),
    ):
        assert word in tls.explain(exc)
    assert tls.explain(OSError(111)) is None
