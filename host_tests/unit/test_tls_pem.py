# PEM files as people have them: chains, comments, Windows line ends, damage.
# MIT license; part of microevse

from helpers import raises
from ocppj import pem as pem_text
from ocppj import tls
from pem_files import ONE, TWO, pem


def test_blocks_in_order_with_text_between():
    text = "subject=CN = x\n" + pem(ONE) + "\nissuer: y\n" + pem(TWO)
    assert pem_text.pem_to_der(text) == [ONE, TWO]
    assert pem_text.pem_to_der(pem(ONE, end="\r\n")) == [ONE]
    assert pem_text.pem_to_der("") == []


def test_only_the_wanted_labels():
    text = pem(ONE) + pem(TWO, "EC PRIVATE KEY") + pem(TWO, "EC PARAMETERS")
    assert pem_text.pem_to_der(text) == [ONE]
    assert pem_text.pem_to_der(text, pem_text.PRIVATE_KEY) == [TWO]


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
        exc = raises(ValueError, pem_text.pem_to_der, text)
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


def test_damage_of_every_kind_is_told_apart():
    good = pem(ONE)
    first, begin = good.split("\n")[1], good.split("\n")[0] + "\n"
    for text, word in (
        (good.replace(first, first[:-1]), "cut short"),  # no multiple of four
        (good.replace(first, first[:-4]), "cut short"),  # less than it says
        (good.replace(first, first + "AAAA"), "cut short"),  # or more
        (begin + "AAAAA!!!\n-----END CERTIFICATE-----\n", "not base64"),
        (begin + good, "no end"),
        (pem(b"\x30\x01\x05"), "no certificate"),
        (pem(b"\x31\x03abc"), "no certificate"),
    ):
        assert word in str(raises(ValueError, pem_text.pem_to_der, text)), word


def test_lengths_of_every_form():
    for der in (b"\x30\x7f" + bytes(127), b"\x30\x81\x80" + bytes(128),
            b"\x30\x81\xff" + bytes(255),
                b"\x30\x82\x01\x00" + bytes(256), b"\x30\x83\x01\x00\x00" + bytes(65536),
                b"\x30\x02ab"):  # fmt: skip
        assert pem_text.pem_to_der(pem(der)) == [der]
        raises(ValueError, pem_text.pem_to_der, pem(der + b"x"))
        raises(ValueError, pem_text.pem_to_der, pem(der[:-1]))


def test_what_only_looks_like_a_beginning_is_text():
    assert pem_text.pem_to_der("-----BEGIN nothing\n" + pem(ONE)) == [ONE]
    assert pem_text.pem_to_der("BEGIN CERTIFICATE-----\n" + pem(ONE)) == [ONE]


def test_a_certificate_and_its_key_come_together():
    for cert, key in ((ONE, None), (None, TWO)):
        told = str(raises(ValueError, tls.client_context, [ONE], cert, key))
        assert "key" in told and "CA" not in told, told
    # With both, or neither, the CA is what is looked at next.
    for cert, key in ((ONE, TWO), (None, None)):
        assert "CA" in str(raises(ValueError, tls.client_context, [TWO], cert, key))


def test_what_a_server_says_in_plain_words_for_both_libraries():
    for text, word in (
        ("self-signed certificate", "given CA"),
        ("unable to get local issuer certificate", "given CA"),
        ("Hostname mismatch, certificate is not valid for 'x'", "another name"),
        ("IP address mismatch", "another name"), ("certificate has expired", "expired"),
        ("certificate is not yet valid", "clock"), ("PROTOCOL_VERSION", "another TLS version"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS"), ("INVALID_RECORD", "does not speak TLS"),
        ("NO_CIPHER_CHOSEN", "no cipher"), ("MBEDTLS_ERR_SSL_ALLOC_FAILED", "memory"),
        ("CONN_EOF", "ended"), ("FATAL_ALERT_MESSAGE", "refused"), ("sslv3 alert", "refused"),
        ("certificate verify failed: something new", "cannot be verified"),
    ):  # fmt: skip
        assert word in tls.explain(OSError(-1, text)), text
    # The chain has to be mended before the date.
    both = "certificate has expired ... not correctly signed by the trusted CA"
    assert "given CA" in tls.explain(ValueError(both))
    assert tls.explain(OSError("ECONNREFUSED")) is None and tls.explain(ValueError()) is None


def test_an_end_of_nothing_is_no_end():
    assert "beginning" in str(raises(ValueError, pem_text.pem_to_der, "-----END None-----\n"))
