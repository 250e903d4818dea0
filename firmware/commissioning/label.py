# Name and password of the charger's own network, as its label has them.
# MIT license; part of microevse
"""The host makes the label from the same two values: the setting `SetupKey`, and the
chip's unique id."""

from binascii import hexlify
from hashlib import sha256

from evse_base import urandom

NEXT = "SetupKeyNext"
# No l, o, 0, 1: it is read from a label.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def unit_name(unique_id):
    """Name of this charger and of its access point: microevse-XXXX."""
    return "microevse-" + unique_id[-4:].lower()


def password(unique_id, secret):
    """WPA2 password of this charger's access point: xxxx-xxxx-xxxx, 60 bits.

    unique_id: the chip's, in hex. It is the MAC address, which any receiver near can hear: so
    `secret` (hex) of this one charger goes in as well (ETSI EN 303 645, 5.1-2).
    """
    digest = sha256(("microevse access point|%s|%s" % (unique_id, secret)).encode()).digest()
    letters = "".join([_LETTERS[byte & 31] for byte in digest[:12]])
    return "-".join((letters[:4], letters[4:8], letters[8:]))


def draw():
    """A new secret, in hex. The radio has to be on: without it the chip's numbers may be guessed
    (docs/chip.md)."""
    return hexlify(urandom(16)).decode()


def secret_of(settings):
    """The charger's own secret; drawn, and kept, the first time it is needed.

    A charger that was set up by phone has shown its owner one already (`NEXT`), which is in the
    journal before the network is: whenever the power was cut, that one is taken.
    """
    if not settings.text("SetupKey"):
        shown = settings.text(NEXT) if settings.text("WifiSsid") else ""
        settings.set("SetupKey", shown or draw(), True)
        settings.keep_own(NEXT, "")
    return settings.text("SetupKey")
