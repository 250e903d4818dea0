# The chip under test: how late a timer's callback comes, and how long the calls are that delay it.
# MIT license; part of microevse
"""A timer of 10 ms, as the tick of the charger has it. Its gaps go into bins of 5 ms."""

import gc
import time
from array import array

import machine

_bins = array("i", [0] * 41)  # 0 to 5 ms, 5 to 10 ms ... 200 ms and more
_seen = array("i", [0, 0, 0, 0])  # last us, largest gap us, callbacks, first one is due


def _tick(_timer):
    now = time.ticks_us()
    gap = time.ticks_diff(now, _seen[0])
    _seen[0] = now
    if _seen[2]:
        if gap > _seen[1]:
            _seen[1] = gap
        _bins[min(gap // 5000, 40)] += 1
    _seen[2] += 1


def begin():
    """The timer is initialised once: see timers.py for why."""
    machine.Timer(0).init(mode=machine.Timer.PERIODIC, period=10, callback=_tick)


def _clear():
    for i in range(41):
        _bins[i] = 0
    _seen[1] = _seen[2] = 0


def _told(times):
    bins = [[5 * i, _bins[i]] for i in range(41) if _bins[i]]
    times.sort()
    said = {"worst_ms": _seen[1] / 1000, "ticks": _seen[2], "bins": bins}
    if times:
        said["call_ms"] = times[len(times) // 2] / 1000
        said["call_worst_ms"] = times[-1] / 1000
    return said


def during(fn, count, rest_ms):
    """The gaps while `fn` is called `count` times with a rest in between."""
    times = []
    time.sleep_ms(30)
    _clear()
    time.sleep_ms(30)
    for _ in range(count):
        start = time.ticks_us()
        fn()
        times.append(time.ticks_diff(time.ticks_us(), start))
        time.sleep_ms(rest_ms)
    return _told(times)


def idle(seconds):
    _clear()
    for _ in range(seconds * 10):
        time.sleep_ms(100)
    return _told([])


def collect(count):
    """With garbage in between, as a program makes it."""
    gc.collect()
    kept = [bytes(32) for _ in range(gc.mem_free() // 400)]
    said = during(gc.collect, count, 100)
    said["heap_used"] = gc.mem_alloc()
    del kept
    gc.collect()
    return said


def scan(count):
    import network

    wlan = network.WLAN(network.STA_IF)
    was = wlan.active()
    wlan.active(True)
    said = during(wlan.scan, count, 100)
    wlan.active(was)
    return said


def blank():
    """(partition, block) of a sector that is erased already: erasing it again loses nothing.
    None if there is none."""
    import esp32

    buf = bytearray(4096)
    for found in esp32.Partition.find(esp32.Partition.TYPE_DATA):
        if found.info()[4] in ("app_a", "app_b", "lists", "journal"):
            blocks = found.ioctl(4, 0)
            for block in range(blocks - 1, max(-1, blocks - 33), -1):
                found.readblocks(block, buf)
                if buf.count(b"\xff") == 4096:
                    return found, block
    return None


def erase(count):
    found = blank()
    if not found:
        return None
    partition, block = found
    said = during(lambda: partition.ioctl(6, block), count, 100)
    said["partition"] = partition.info()[4]
    return said


def handshake(host, port, count):
    """TLS to a server of the local network, its certificate not checked."""
    import socket
    import ssl

    address = socket.getaddrinfo(host, port)[0][-1]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_NONE

    def once():
        sock = socket.socket()
        sock.connect(address)
        try:
            context.wrap_socket(sock, server_hostname=host).close()
        finally:
            sock.close()

    return during(once, count, 200)


def imports(name, size):
    """Milliseconds for a KB of an .mpy file that lies in the file system."""
    import sys

    sys.path.insert(0, "")
    try:
        start = time.ticks_us()
        __import__(name)
        took = time.ticks_diff(time.ticks_us(), start) / 1000
    finally:
        sys.path.pop(0)
    return {"import_ms": took, "bytes": size, "ms_per_kb": took * 1024 / size}


def heap():
    """Both heaps after a collection."""
    gc.collect()
    said = {"gc_free": gc.mem_free(), "gc_used": gc.mem_alloc()}
    import esp32

    regions = esp32.idf_heap_info(esp32.HEAP_DATA)
    said["idf_free"] = sum([r[1] for r in regions])
    said["idf_largest"] = max([r[2] for r in regions])
    said["idf_least"] = sum([r[3] for r in regions])
    return said


def heap_with_radio():
    import network

    wlan = network.WLAN(network.STA_IF)
    was = wlan.active()
    wlan.active(True)
    time.sleep_ms(500)
    said = heap()
    wlan.active(was)
    return said
