# The name server of the virtual network: answers over UDP, as a router does.
# MIT license; part of microevse
"""`answer(question, find)` is pure. Only A records: the network has no others."""

_HEAD = 12
TTL_S = 300


def name_of(question):
    """(the name that is asked for, first byte behind the question)."""
    labels, at = [], _HEAD
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels), at + 5


def answer(question, find):
    """The packet that answers. find: fn(name) -> address as text, None for a name that is not
    there. None for a packet that is no question."""
    if len(question) < _HEAD + 5 or question[2] & 0x80:
        return None
    name, behind = name_of(question)
    # An address is no name: a name server says that there is no such name.
    address = None if name.replace(".", "").isdigit() else find(name)
    head = bytes(question[:2]) + (b"\x81\x80" if address else b"\x81\x83")
    head += b"\0\1" + (b"\0\1" if address else b"\0\0") + bytes(4)
    out = head + bytes(question[_HEAD:behind])
    if address:
        out += b"\xc0\x0c\0\1\0\1" + TTL_S.to_bytes(4, "big") + b"\0\4"
        out += bytes([int(part) for part in address.split(".")])
    return out
