# The one place where the virtual board's parts find each other.
# MIT license; part of microevse
"""Filled in by run.py before boot.py; used by the modules the firmware imports.

Import it as `import twin_state` (run.py makes that and `twin.twin_state` the same).
A test that needs no child process may fill it in by hand.
"""

from twin.system_heap import SystemHeap

# Reset causes, as machine.reset_cause() of the esp32 port numbers them.
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

clock = None  # twin.clock.Clock
chip = None  # twin.chip.Chip
timers = {}  # number: machine.Timer
running = None  # the machine.Timer whose callback runs
# Who has the chip's system heap; without a parent process it only counts.
heap = SystemHeap("base", strict=False)
world = None  # twin.world.World
net = None  # twin.net.Net: the virtual network
options = {}  # the JSON object the child was started with; "data" is the image directory
board = {}  # the board profile (what board.json holds)
rtc_memory = bytearray()  # exactly what RTC.memory() holds; kept over resets, not power cuts
at_import = None  # (end of a file's path, command of the world that is given at its import)
reset_cause = PWRON_RESET
urandom = None  # fn(size) -> bytes from the seed; None: the host's own random numbers
settled = None  # fn() -> True while more windows of an unchanged pilot would change nothing
send = None  # fn(dict): one event line to the parent, {"event": ..., "t": seconds}


class Reset(BaseException):
    """Raised by reset() where no parent process is there to end this one (unit tests)."""

    def __init__(self, kind):
        from twin import chip

        super().__init__(kind)
        self.kind = kind
        self.cause = chip.RESETS[kind][0]


def _no_parent(kind):
    raise Reset(kind)


on_reset = _no_parent


def reset(kind):
    """Reset the virtual chip, as one of twin.chip.RESETS. Does not return."""
    on_reset(kind)
    raise Reset(kind)
