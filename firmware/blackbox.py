# The last log lines before a reset that no command caused.
# MIT license; part of microevse
"""The last log lines are kept in RTC memory while the charger runs, and the traceback when
it crashes. The next start finds them there, shows them, and writes them to a file, so that
they outlast a power cut, too.

A hang leaves no time to write. So a warning is kept at once, any other line within a second.
"""

import gc

from evse_base import log
import evse_base as port
from hal import system
from version import VERSION
from evse_base import const

FILE = "crash.txt"
# With so much heap free there is room for more lines.
_PLENTY = const(1 << 20)
_MORE = const(8192)
_unsaved = False
_previous = []


def start():
    """Take over the lines of the previous start, then watch the log."""
    global _previous
    if not hasattr(gc, "mem_free") or gc.mem_free() >= _PLENTY:
        log.use_room(_MORE)
    from station import security_log  # after what may fail of this module

    cause = system.last_reset()
    security_log.note("started", VERSION)
    if cause != "PowerUp":
        security_log.note("reset", cause)
    if cause in ("Crash", "Watchdog"):
        words = system.kept_words()
        _previous = words.split("\n") if words else []
        _write_file("%s, %d in a row\n%s\n" % (cause, system.boot_loops(), words))
        if "MemoryError" in words:
            security_log.note("memory_exhausted", reason(_previous))
    elif cause == "PowerUp":
        system.keep_words(b"")  # after a power cut this memory holds random bytes
    log.use_watcher(_on_line)


def previous():
    """The last lines before the crash or the watchdog; [] after any other start."""
    return _previous


def crashed(exc):
    """Log the traceback of `exc` and keep it over the reset that follows."""
    for line in port.exception_text(exc).split("\n"):
        if line:
            log.error("main", "%s", line)
    _save()


def keep_up():
    """Keep lines that are no warnings, too. Call it every second."""
    if _unsaved:
        _save()


def reason(lines):
    """The most useful of the kept lines: that of the exception, else the last warning."""
    for line in reversed(lines):
        _, level, text = (line.split(" ", 2) + ["", "", ""])[:3]
        if level in ("E", "W"):
            return text.partition(": ")[2] or text
    return "no reason was left"


def _on_line(level):
    global _unsaved
    _unsaved = True
    if level != "I":
        _save()


def _save():
    global _unsaved
    _unsaved = True
    try:
        system.keep_words(log.last(system.WORDS_MAX))
    except MemoryError:
        return  # the code that logs must go on; `keep_up` tries it again
    _unsaved = False


def _write_file(text):
    try:
        with open(FILE, "w") as file:
            file.write(log.redact(text))
    except OSError as exc:
        log.warn("main", "%s not written: %r", FILE, exc)
