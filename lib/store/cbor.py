# CBOR (RFC 8949) for int, str, bytes, list, dict, bool and None; nothing else.
# MIT license; part of microevse
"""A compact, self-describing form for records on flash.

Floats, tags and indefinite lengths are left out on purpose: numbers are ints here, and a record
that needs more than this is a mistake.
"""

_DEPTH = 8  # deeper nesting than any record has; bounds the stack on damaged input


def _head(out, major, n):
    if n < 24:
        out.append(major | n)
    elif n < 0x100:
        out.append(major | 24)
        out.append(n)
    elif n < 0x10000:
        out.append(major | 25)
        out.extend(n.to_bytes(2, "big"))
    elif n < 0x100000000:
        out.append(major | 26)
        out.extend(n.to_bytes(4, "big"))
    elif n < 0x10000000000000000:
        out.append(major | 27)
        out.extend(n.to_bytes(8, "big"))
    else:
        raise ValueError("int beyond 64 bits")


def _put(out, obj, depth):
    if depth < 0:
        raise ValueError("nested too deeply")
    if obj is None:
        out.append(0xF6)
    elif obj is True:
        out.append(0xF5)
    elif obj is False:
        out.append(0xF4)
    elif isinstance(obj, int):
        if obj < 0:
            _head(out, 0x20, -1 - obj)
        else:
            _head(out, 0x00, obj)
    elif isinstance(obj, str):
        data = obj.encode()
        _head(out, 0x60, len(data))
        out.extend(data)
    elif isinstance(obj, (bytes, bytearray)):
        _head(out, 0x40, len(obj))
        out.extend(obj)
    elif isinstance(obj, (list, tuple)):
        _head(out, 0x80, len(obj))
        for item in obj:
            _put(out, item, depth - 1)
    elif isinstance(obj, dict):
        _head(out, 0xA0, len(obj))
        for key in obj:
            _put(out, key, depth - 1)
            _put(out, obj[key], depth - 1)
    else:
        raise TypeError("no CBOR form for %s" % type(obj).__name__)


def dumps(obj):
    """Encode `obj`. Raises TypeError for other types, ValueError for too large or too deep."""
    out = bytearray()
    _put(out, obj, _DEPTH)
    return bytes(out)


class _Reader:
    def __init__(self, data):
        self.data = data
        self.pos = 0

    def take(self, n):
        pos = self.pos
        if n > len(self.data) - pos:
            raise ValueError("CBOR ends early")
        self.pos = pos + n
        return self.data[pos : pos + n]

    def item(self, depth):
        if depth < 0:
            raise ValueError("nested too deeply")
        first = self.take(1)[0]
        major = first >> 5
        n = first & 31
        if major == 7:
            if n == 20:
                return False
            if n == 21:
                return True
            if n == 22:
                return None
            raise ValueError("CBOR type 0x%02x" % first)
        if n >= 24:
            if n > 27:
                raise ValueError("CBOR length 0x%02x" % first)
            n = int.from_bytes(self.take(1 << (n - 24)), "big")
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return bytes(self.take(n))
        if major == 3:
            return str(self.take(n), "utf-8")
        # Every element takes a byte at least: a damaged length must not build a huge list.
        if n > len(self.data) - self.pos:
            raise ValueError("CBOR ends early")
        if major == 4:
            return [self.item(depth - 1) for _ in range(n)]
        if major == 5:
            result = {}
            for _ in range(n):
                key = self.item(depth - 1)
                if isinstance(key, (list, dict)):
                    raise ValueError("CBOR key is no scalar")
                result[key] = self.item(depth - 1)
            return result
        raise ValueError("CBOR tag")


def loads(data):
    """Decode exactly one item from `data`. Raises ValueError for anything else."""
    reader = _Reader(bytes(data))
    obj = reader.item(_DEPTH)
    if reader.pos != len(reader.data):
        raise ValueError("bytes after the CBOR item")
    return obj
