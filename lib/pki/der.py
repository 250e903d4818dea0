# DER: reading what strangers send, writing what they read.
# MIT license; part of microevse
"""ITU-T X.690, the distinguished encoding rules, as far as certificates need them.

The reader takes one element after the other and never calls itself: how deep a structure goes is
up to the code that reads it. A list of more than COUNT_MAX elements is refused. So is each
encoding that the rules do not allow, as two encodings of one certificate would have two hashes.
"""

SIZE_MAX = 8192  # bytes of an element with its head; a certificate has 400 to 3,000
COUNT_MAX = 32  # elements in one list, such as extensions or names
INTEGER_MAX = 513  # bytes: RSA of 4,096 bits with the sign's byte before it
OID_MAX = 32  # bytes
FLAGS_MAX = 4  # bytes of named bits

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
UTF8_STRING = 0x0C
SEQUENCE = 0x30
SET = 0x31


class DerError(ValueError):
    """The one exception that malformed input raises."""


class Reader:
    """The elements in data[at:end], one after another. `data`: bytes."""

    def __init__(self, data, at=0, end=None):
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end
        self._left = COUNT_MAX

    def tag(self):
        """The tag of the next element; None at the end."""
        return self.data[self.at] if self.at < self.end else None

    def span(self, tag):
        """Take the next element, which must have this tag. Returns (where its content begins,
        where it ends). DerError if it is another, or none."""
        data, at = self.data, self.at
        if self._left == 0:
            raise DerError("more than %d elements" % COUNT_MAX)
        self._left -= 1
        if self.end - at < 2:
            raise DerError("cut short")
        # A tag with all five bits is the first byte of a longer one: nothing here has such.
        if data[at] != tag or tag & 0x1F == 0x1F:
            raise DerError("element 0x%02x where 0x%02x should be" % (data[at], tag))
        size = data[at + 1]
        at += 2
        if size >= 0x80:
            # X.690 10.1: definite, and in as few bytes as it can be. 0x80 is the indefinite form.
            count = size - 0x80
            if not 1 <= count <= 2 or self.end - at < count:
                raise DerError("a length that cannot be")
            size = data[at] if count == 1 else data[at] << 8 | data[at + 1]
            if size < (0x80 if count == 1 else 0x100):
                raise DerError("a length in too many bytes")
            at += count
        if size > self.end - at or at + size - self.at > SIZE_MAX:
            raise DerError("an element is longer than what is there")
        self.at = at + size
        return at, self.at

    def inside(self, tag):
        """A reader of the content of the next element."""
        at, end = self.span(tag)
        return Reader(self.data, at, end)

    def content(self, tag):
        """The content of the next element, as bytes."""
        at, end = self.span(tag)
        return self.data[at:end]

    def whole(self, tag):
        """The next element with its head, as bytes."""
        at = self.at
        return self.data[at : self.span(tag)[1]]

    def integer(self, most=INTEGER_MAX):
        """The next element, an INTEGER that is not negative, of at most `most` bytes."""
        at, end = self.span(INTEGER)
        data = self.data
        if not 1 <= end - at <= most:
            raise DerError("an integer of %d bytes" % (end - at))
        if data[at] & 0x80:
            raise DerError("an integer below nought")
        # X.690 8.3.2: the first nine bits are not all the same.
        if data[at] == 0 and end - at > 1 and not data[at + 1] & 0x80:
            raise DerError("an integer in too many bytes")
        return int.from_bytes(data[at:end], "big")

    def boolean(self):
        """The next element, a BOOLEAN."""
        value = self.content(BOOLEAN)
        if value not in (b"\x00", b"\xff"):  # X.690 11.1
            raise DerError("a boolean that is none")
        return value == b"\xff"

    def oid(self):
        """The next element, an OBJECT IDENTIFIER: its content, as bytes."""
        value = self.content(OID)
        if not 1 <= len(value) <= OID_MAX or value[-1] & 0x80:
            raise DerError("an object identifier that is none")
        for i in range(len(value)):
            # X.690 8.19.2: no number begins with nought.
            if value[i] == 0x80 and (i == 0 or not value[i - 1] & 0x80):
                raise DerError("an object identifier that is not minimal")
        return value

    def bits(self):
        """The next element, a BIT STRING of whole bytes, as bytes."""
        value = self.content(BIT_STRING)
        if not value or value[0] != 0:
            raise DerError("bits that are no whole bytes")
        return value[1:]

    def flags(self):
        """The next element, a BIT STRING of named bits, as an integer: bit n of the standard is
        1 << n."""
        value = self.content(BIT_STRING)
        if not 1 <= len(value) <= 1 + FLAGS_MAX:
            raise DerError("flags in %d bytes" % len(value))
        # X.690 11.2: the last bit that is used is 1, those behind it are 0.
        unused = value[0]
        good = unused == 0
        if len(value) > 1:
            good = unused < 8 and value[-1] & ((2 << unused) - 1) == 1 << unused
        if not good:
            raise DerError("flags that are not minimal")
        found = 0
        for i in range(8 * (len(value) - 1)):
            if value[1 + i // 8] & 0x80 >> i % 8:
                found |= 1 << i
        return found

    def done(self):
        """DerError unless all has been read."""
        if self.at != self.end:
            raise DerError("more than there should be")


def element(tag, *parts):
    """An element whose content is these bytes."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    if size >= 0x10000:
        raise ValueError("%d bytes are too much for an element" % size)
    return bytes((tag, 0x82, size >> 8, size & 0xFF)) + content


def integer(number):
    """An INTEGER that is not negative, of at most 32 bytes of value."""
    data = number.to_bytes(33, "big").lstrip(b"\x00")
    if not data or data[0] & 0x80:
        data = b"\x00" + data
    return element(INTEGER, data)
