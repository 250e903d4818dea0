# Who has the system heap in which situation: the table of docs/memory.md, from the model.
# MIT license; part of microevse
"""`lines()`: the table in Markdown. Run as a program it writes it into the document."""

import re
import sys

import tools_paths  # noqa: F401 (import paths)
from tools_paths import ROOT, TESTS

if str(TESTS) not in sys.path:
    sys.path.append(str(TESTS))
from twin.system_heap import NoRoom, SystemHeap  # noqa: E402

DOCUMENT = ROOT / "docs" / "memory.md"
NAMES = {"base": "base image", "stock": "stock, heap grown once", "psram": "stock with PSRAM"}
# (situation, what is taken in it beside WiFi)
SITUATIONS = (
    ("set-up: access point, a phone", ("ap", "listen", "udp", "tcp")),
    ("charging over ws://", ("listen", "tcp")),
    ("charging over wss://", ("listen", "tls")),
    ("the same, a visitor of the page", ("listen", "tls", "tcp", "tcp")),
    ("the same, a name look-up", ("listen", "tls", "udp")),
    ("the same, a look-up by a thread", ("listen", "tls", "thread")),
    ("wss://, a file over http:// or ftp://", ("listen", "tls", "tcp", "tcp")),
    ("wss://, a file over https:// beside it", ("listen", "tls", "tls")),
    ("wss:// closed, a file over https://", ("listen", "closed", "tls")),
)


def _row(image, taken):
    """(free, largest block, least ever) in text."""
    heap = SystemHeap(image)
    heap.account()
    heap.take("wifi")
    for what in taken:
        try:
            heap.take(what, 8192)
        except NoRoom:
            return "refused"
    return "%d / %d / %d" % (heap.free(), heap.largest_internal(), heap.least())


def lines():
    """The table: bytes free, largest block, and the least that was free on the way there."""
    yield "| situation | " + " | ".join(NAMES.values()) + " |"
    yield "|---|" + "---|" * len(NAMES)
    yield "| WiFi joined | " + " | ".join([_row(image, ()) for image in NAMES]) + " |"
    for what, taken in SITUATIONS:
        yield "| %s | " % what + " | ".join([_row(image, taken) for image in NAMES]) + " |"


def write():
    text = DOCUMENT.read_text()
    table = "<!-- table -->\n" + "\n".join(lines()) + "\n<!-- end -->"
    DOCUMENT.write_text(
        re.sub(r"<!-- table -->\n.*?<!-- end -->", lambda _: table, text, flags=re.S)
    )


if __name__ == "__main__":
    write()
