# Spellings: words and whole numbers as central systems write them, and words as OCPP has them.
# MIT license; part of microevse
"""For answers that registration or billing depends on: they are taken in any usable spelling."""


def word(value, words):
    """The one of `words` that `value` spells, in upper or lower case; None if there is none."""
    if isinstance(value, str):
        lower = value.strip().lower()
        for known in words:
            if known.lower() == lower:
                return known
    return None


# Above this the chip's 24-bit floats no longer tell one whole number from the next.
_EXACT = 1 << 24


def whole(value):
    """int of a whole number in any spelling (4711, 4711.0, "4711"); None for anything else."""
    if isinstance(value, str):
        head, _, tail = value.strip().partition(".")
        digits = head[1:] if head[:1] in ("-", "+") else head
        if tail.strip("0") or not 0 < len(digits) < 20 or digits.strip("0123456789"):
            return None
        value = int(head)
    elif isinstance(value, float):
        # Not true of NaN and of the infinities.
        if not -_EXACT <= value <= _EXACT or int(value) != value:
            return None
        value = int(value)
    elif not isinstance(value, int) or isinstance(value, bool):
        return None
    # The journal takes 64 bits.
    return value if -(1 << 63) <= value < 1 << 63 else None


def camel(text):
    """A word of the station, such as "download_failed", as the enumerations of OCPP spell it."""
    return "".join([part[:1].upper() + part[1:] for part in text.split("_")])
