# Is there room in the system's heap for what takes some of it?
# MIT license; part of microevse
"""WiFi, sockets, TLS and threads take their memory from the heap of ESP-IDF, and MicroPython's own
heap may have grown into it (py/gc.c, gc_try_add_heap()): then they fail in the middle of their
work. So what takes much asks here before it begins. docs/memory.md has the whole plan."""

import gc

# Once all parts are there, the heap is collected when garbage fills this part of what is free. A
# collection takes 27 ms for 166 KB, and for so long no pilot is looked at: so not more often than
# needed. More of it would leave no large blocks for a message or a TLS record.
COLLECT_AT = 3
# {what: (its name, bytes that it takes, bytes of its largest block)}. The first is a connection
# and what its handshake takes for a while. host_tests/twin/system_heap.py has the sizes with their
# sources, and a test compares them.
NEEDS = {
    "tls": ("a TLS connection", 35000, 16717),
    "thread": ("a thread", 8544, 8192),
    "ap": ("an access point", 5700, 2000),
}
# What has to stay: what is on its way on the connections that there are.
RESERVE = 2048
_HEAP_DATA = 4  # esp32.HEAP_DATA: memory for bytes


class NoRoom(OSError):
    """The system has no memory for this; the text is for a person."""


def settle():
    """All parts are there: collect, and choose when it is collected from now on. Nothing changes
    where main.py has chosen that it is not (PSRAM).

    Packages with nothing in them but modules forget those: 8 bytes for each, and a table that only
    grows. An import finds a module in sys.modules; `from package import module` looks there, too
    (py/runtime.c, mp_import_from)."""
    import sys

    from evse_base import MICROPYTHON

    for name in "hal iec61851 ocppj station store".split():
        package = sys.modules.get(name)
        if package and MICROPYTHON:
            path = package.__path__
            package.__dict__.clear()
            package.__name__ = name
            package.__path__ = path
    gc.collect()
    if hasattr(gc, "threshold") and gc.threshold() > 0:
        gc.threshold(max(gc.threshold(), gc.mem_free() // COLLECT_AT))


def system():
    """(bytes free in the system's heap, bytes of its largest block, bytes that were always free);
    None where there is no such heap."""
    try:
        import esp32

        regions = esp32.idf_heap_info(_HEAP_DATA)
    except (ImportError, AttributeError):
        return None
    # No list comprehension: this is asked when memory is short.
    free = largest = least = 0
    for region in regions:
        free += region[1]
        largest = max(largest, region[2])
        least += region[3]
    return free, largest, least


def lacks(what):
    """Why there is no room for `what` of NEEDS, as a sentence; "" if there is."""
    found = system()
    if found is None:
        return ""
    name, needed, block = NEEDS[what]
    needed += RESERVE
    if found[0] < needed:
        return "no memory for %s: %d bytes are free, %d are needed" % (name, found[0], needed)
    if found[1] < block:
        return "no memory for %s: the largest block has %d bytes, %d are needed" % (
            name, found[1], block,
        )  # fmt: skip
    return ""


def want(what):
    """Return if there is room for `what` of NEEDS; else NoRoom."""
    reason = lacks(what)
    if reason:
        raise NoRoom(reason)


def guarded(open_stream):
    """The same as open_stream(host, port, context, server_hostname), but NoRoom where the system
    has no room for the TLS connection."""

    async def opened(host, port, context, server_hostname):
        if context is not None:
            want("tls")
        return await open_stream(host, port, context, server_hostname)

    return opened
