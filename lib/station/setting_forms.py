# Settings of a form of their own: an address, a list of measurands, the rotation of the phases.
# MIT license; part of microevse
"""Each takes the settings and the text that is to be set, and returns its canonical spelling.
ValueError says what is wrong. Loaded when such a setting is set or was found in the journal."""

from . import netaddress

_ROTATIONS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")


def address(settings, text):
    """address/mask gateway dns; see netaddress."""
    netaddress.parse(text)
    return text


def measurand_list(settings, text):
    """Known and fitted measurands, each once; an empty list is allowed."""
    out = []
    for word in text.split(","):
        word = word.strip()
        if not word:
            continue
        if word not in settings.measurands:
            raise ValueError("%s is not measured here" % word)
        if word not in out:
            out.append(word)
    return ",".join(out)


def rotations(settings, text):
    """ "connector.rotation" items (OCPP 1.6 section 9.1.6)."""
    out = []
    for word in text.split(","):
        word = word.strip()
        number, _, rotation = word.partition(".")
        known = len(number) == 1 and number in "0123456789"
        known = known and int(number) <= settings.get("NumberOfConnectors")
        if not known or rotation not in _ROTATIONS:
            raise ValueError("%s is not connector.rotation" % word)
        out.append(word)
    return ",".join(out)
