# Settings of a form of their own: address, measurands, rotation of the phases, offset, key.
# MIT license; part of microevse
"""Each takes the settings, the text that is to be set and its limits, and returns its canonical
spelling.
ValueError says what is wrong. Loaded when such a setting is set or was found in the journal."""

from . import netaddress

_ROTATIONS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")


def address(settings, text, limits):
    """address/mask gateway dns; see netaddress."""
    netaddress.parse(text)
    return text


def measurand_list(settings, text, limits):
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


def versions(settings, text, limits):
    """Words of `limits`, the preferred one first, each once."""
    known, out = limits.split(","), []
    for word in text.split(","):
        word = word.strip()
        if word not in known or word in out:
            raise ValueError("of %s, each once" % ", ".join(known))
        out.append(word)
    return ",".join(out)


def sequence(settings, text, limits):
    """Words in the order of `limits`, from the first one on."""
    words = [word.strip() for word in text.split(",")]
    if words != limits.split(",")[: len(words)]:
        raise ValueError("%s, in this order; the last ones can be left out" % limits)
    return ",".join(words)


def choice(settings, text, limits):
    """One of the words of `limits`."""
    if text not in limits.split(","):
        raise ValueError("one of %s" % limits)
    return text


def offset(settings, text, limits):
    """From UTC to local time: +hh:mm or -hh:mm (RFC 3339); Z is +00:00."""
    text = "+00:00" if text == "Z" else text
    digits = text[1:3] + text[4:6]
    good = len(text) == 6 and text[0] in "+-" and text[3] == ":"
    if not good or not all(c in "0123456789" for c in digits) or not good_offset(digits):
        raise ValueError("+hh:mm or -hh:mm, at most 14 hours")
    return text


def good_offset(digits):
    hours, minutes = int(digits[:2]), int(digits[2:])
    return minutes < 60 and 60 * hours + minutes <= 840


def points(settings, text, limits):
    """Some of the words in `limits`, each once."""
    words = [word.strip() for word in text.split(",")]
    if [word for word in words if word not in limits.split(",") or words.count(word) > 1]:
        raise ValueError("of %s, each once" % limits)
    return ",".join(words)


def rotations(settings, text, limits):
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


def key(settings, text, limits):
    """Whole bytes in hexadecimal digits. One byte again and again is no key."""
    least, most = limits.split("..")
    size, lower = len(text), text.lower()
    good = int(least) <= size <= int(most) and size % 2 == 0 and lower != lower[:2] * (size // 2)
    if not good or not all(c in "0123456789abcdef" for c in lower):
        raise ValueError("%s to %s hexadecimal digits, not alike" % (least, most))
    return text
