# A fixed network address as people write it.
# MIT license; part of microevse
"""`address/mask gateway dns`: separated by blanks, commas or slashes; the mask as a number of
bits or with dots; the name server may be left out and is the gateway then."""


def parse(text):
    """(address, mask, gateway, dns) of a text, None for an empty one. ValueError says what is
    wrong with it."""
    parts = text.replace(",", " ").replace("/", " ").split()
    if not parts:
        return None
    if len(parts) not in (3, 4):
        raise ValueError("must be address/mask gateway dns")
    if parts[1].isdigit():
        bits = int(parts[1])
        if not 1 <= bits <= 30:
            raise ValueError("mask %s must be 1 to 30 bits" % parts[1])
        parts[1] = _dotted((0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF)
    if len(parts) == 3:
        parts.append(parts[2])
    address, mask, gateway, _ = [_number(part) for part in parts]
    inverse = mask ^ 0xFFFFFFFF
    if not mask or inverse & (inverse + 1):
        raise ValueError("%s is no mask" % parts[1])
    if (address ^ gateway) & mask:
        raise ValueError("gateway %s is not in the network of %s" % (parts[2], parts[0]))
    if address == gateway or address & inverse in (0, inverse):
        raise ValueError("%s is no address of a station" % parts[0])
    return tuple(parts)


def _number(text):
    parts = text.split(".")
    if len(parts) != 4:
        raise ValueError("%s is no address" % text)
    number = 0
    for part in parts:
        if not (0 < len(part) <= 3 and all(c in "0123456789" for c in part) and int(part) < 256):
            raise ValueError("%s is no address" % text)
        number = number << 8 | int(part)
    return number


def _dotted(number):
    return ".".join([str(number >> shift & 255) for shift in (24, 16, 8, 0)])
