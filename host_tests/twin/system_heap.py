# Who takes the system heap of an ESP32: the tasks, WiFi, sockets, TLS, threads, the GC heap.
# MIT license; part of microevse
"""`SystemHeap(image)` has ESP-IDF's regions of DRAM; `take(what)` and `give(token)` are called by
what stands for network, tls, socket and _thread. What is not there is refused, as on the chip.

Sizes. `measured`: seen on an emulated chip with the image of 1.24.0, which runs the real WiFi,
lwIP and mbedTLS code: that WiFi takes 42,100 bytes, a TLS 1.2 connection 26,676
that stay, and what was left and largest in each state. How these sums are divided into blocks is
chosen so that the same is left here (test_system_heap.py). `read`: from the sources. `estimate`:
neither.

An image is `stock` (MicroPython 1.24 or newer as it can be downloaded, with Bluetooth), `base`
(our own: without Bluetooth, six receive buffers of WiFi for ten, a GC heap of 150 KiB that does
not grow) or `psram` (stock, and 4 MB
of PSRAM in which the GC heap lies).
"""

from twin.free_list import FreeList

# Regions of DRAM in the order in which they are asked (MicroPython, docs/library/esp32.rst, the
# example of idf_heap_info(); those from 0x3FFE0440 on are asked last: ESP-IDF,
# components/heap/port/esp32/memory_layout.c). Read: the image of 1.24.0 may differ by some
# hundred.
_STOCK = (240, 7288, 16648, 79912, 15072, 113840)
# What a controller of Bluetooth reserves below 0x3FFE0000 (ESP-IDF, CONFIG_BTDM_RESERVE_DRAM
# 0xdb5c): without it the region before goes on to there. Read, not measured.
BLUETOOTH = 56156
_BASE = _STOCK[:3] + (_STOCK[3] + BLUETOOTH,) + _STOCK[4:]
PSRAM = 4 * 1024 * 1024 - 2048
# malloc() looks for blocks of that size in PSRAM first (CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL).
ALWAYS_INTERNAL = 16384

KIB = 1024
# Of a heap that does not grow: what it leaves for the system, its least size, and that of an area.
_SYSTEM = 87 * KIB
_LEAST = 56 * KIB
_SMALLEST = 4 * KIB
# (regions, size of the GC heap at the start, does it grow, does it lie in PSRAM)
IMAGES = {
    "stock": (_STOCK, 56 * KIB, True, False),
    "base": (_BASE, 150 * KIB, False, False),
    "psram": (_STOCK + (PSRAM,), 56 * KIB, True, True),
}

# Tasks and drivers of ESP-IDF before Python starts (measured as a sum, with the task of Python,
# whose stack is MICROPY_TASK_STACK_SIZE and 1 KiB).
_START = (4096, 3584, 3584, 2304, 1536, 1536, 1024, 1024, 512, 256, 17408 + 352)
# A receive buffer of WiFi with what the allocator adds (ESP-IDF, API guide "Wi-Fi Driver": 1,600
# bytes each, taken by esp_wifi_init(); "from 10 to 6 to save 6,400 bytes").
_RX = 1616
# How many fewer the base image has (CONFIG_ESP_WIFI_STATIC_RX_BUFFER_NUM). Read, not measured.
_FEWER_RX = 4
# {what: its blocks in their order; those below 0 are given back once it has begun}
SIZES = {
    # measured: 42,100, most of it static receive buffers and stacks of tasks
    "wifi": (6656, 3584, 2304)
    + (_RX,) * 12
    + (1000,) * 4
    + (760,) * 3
    + (408,) * 4
    + (200,) * 10
    + (92,),
    # estimate: beacon, DHCP server, a second interface of lwIP
    "ap": (2000, 1600, 1200, 800),
    # estimate: task and buffers of the MAC
    "lan": (2048 + 352, 1616, 1616, 1616, 1616, 1616, 1616),
    # measured: 26,676 that stay, the socket's own included. What a handshake takes for a while is
    # an estimate, bounded by what was left: it went well with 12,200.
    "tls": (1100, 900, 16717, 4429, -4300, 1800, 900, 800, -4000),
    # a connection without TLS; "4 to 7 KB" with what is on its way (MicroPython, issue 8940)
    "tcp": (1100, 500, -2900),
    # estimates
    "listen": (600,),
    "udp": (700,),
    # measured: what is missing after a TLS connection was closed and made again: lwIP keeps a
    # closed connection for 2 MSL
    "closed": (1460,),
}
LINGER_MS = 120000  # lwIP: 2 * TCP_MSL
THREAD = 352  # beside the stack: ESP-IDF's StaticTask_t
# A stack that no size was named for (ports/esp32/mpthreadport.c).
THREAD_STACK = 4096
SOCKETS = 10  # CONFIG_LWIP_MAX_SOCKETS


class NoRoom(Exception):
    """A block that was asked for is not there; nothing has been taken."""


class SystemHeap:
    """heap: a FreeList, or the module `chipheap`, which does the same. strict: what is not there
    is refused; else it is only counted (`refused`). gc_size: of the GC heap, in place of the
    image's."""

    def __init__(self, image="stock", heap=None, strict=True, gc_size=None):
        self.image = image
        self.strict = strict
        self.regions, self.gc_size, self.gc_grows, self.external = IMAGES[image]
        self.gc_size = gc_size or self.gc_size
        self.heap = heap = heap or FreeList()
        heap.reset()
        for size in self.regions:
            heap.region(size)
        for size in _START:
            self._block(size)
        self.refused = {}  # {what: how often it was not there}

    def first_areas(self):
        """Sizes of the areas that the GC heap has at the start. Where it does not grow: one block
        if there is one that is large enough, else two, and less where the system would have too
        little (boards/micropython, heap.c)."""
        if self.gc_grows:
            return (self.gc_size,)
        free = self.free()
        wanted = self.gc_size
        if free < wanted + _SYSTEM:
            wanted = max(_LEAST, free - _SYSTEM)
        first = min(wanted, self.largest())
        return (first,) if wanted - first < _SMALLEST else (first, wanted - first)

    def account(self):
        """Take the areas of a GC heap that is not the chip's own (an interpreter of 64 bits):
        those of the start, and where it grows one growth, which is what was measured."""
        areas = self.first_areas()
        for size in areas + (areas if self.gc_grows else ()):
            self.heap.take(size, self.area_region())

    def area_region(self):
        """The first region that the GC heap is taken from."""
        return len(self.regions) - 1 if self.external else 0

    def _block(self, size):
        heap = self.heap
        found = 0
        if self.external and size > ALWAYS_INTERNAL:
            found = heap.take(size, len(self.regions) - 1)
        return found or heap.take(size)

    def take(self, what, size=0):
        """The blocks that stay, for `give`. `size`: of a thread's stack. Raises NoRoom."""
        stay, passing = [], []
        blocks = list(SIZES.get(what) or (size, THREAD))
        if what == "wifi" and self.image == "base":
            at = blocks.index(_RX)
            del blocks[at : at + _FEWER_RX]
        for block in blocks:
            found = self._block(abs(block))
            if not found:
                self.give(stay + passing)
                self.refused[what] = self.refused.get(what, 0) + 1
                if self.strict:
                    raise NoRoom("%s: no block of %d bytes" % (what, abs(block)))
                return []
            (stay if block > 0 else passing).append(found)
        self.give(passing)
        return stay

    def give(self, blocks):
        """Give back what `take` gave."""
        for block in blocks:
            self.heap.give(block)

    def info(self):
        """As esp32.idf_heap_info(esp32.HEAP_DATA)."""
        return self.heap.info()

    def free(self):
        """Bytes free in DRAM."""
        return sum([row[1] for row in self._internal()])

    def least(self):
        """Bytes of DRAM that were free in each region when it had least."""
        return sum([row[3] for row in self._internal()])

    def largest(self):
        """The largest block that can be asked for, PSRAM included."""
        return max([row[2] for row in self.info()])

    def largest_internal(self):
        """The largest block of DRAM that can be asked for."""
        return max([row[2] for row in self._internal()])

    def _internal(self):
        rows = self.info()
        return rows[:-1] if self.external else rows
