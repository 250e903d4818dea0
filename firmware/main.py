# Starts the charger; a charger that cannot run resets itself.
# MIT license; part of microevse
"""Runs after boot.py. An exception that escapes from the application ends in a reset, and the next
start finds the reason in the RTC memory. A reset does not open the contactors, so this file does,
first of all, and without any module that is not part of MicroPython. After a few crashes in a row
the application is not started: the other slot's runs, or safe mode. This file lies in the file
system and starts the application of any slot, also one that does not work: every import is inside
the code that handles its exceptions."""

# MicroPython lets Ctrl-C in just before this line: see boot.py.
micropython = None
try:
    import micropython

    micropython.kbd_intr(-1)
except BaseException:
    try:
        import micropython

        micropython.kbd_intr(-1)
    except BaseException as exc:
        print("main: console:", repr(exc))

import gc  # noqa: E402
import sys  # noqa: E402

import machine  # noqa: E402

# The heap is collected when garbage fills this part of the free heap. The objects that stay are
# then close together, and there are large free blocks for a message or a TLS record.
COLLECT_AT = 16
# With PSRAM there is room, and a collection takes tens of milliseconds: so it is rare there.
SMALL = 1 << 20
# A person at the console has this long until a reset.
CONSOLE_MS = 600000


def open_outputs():
    """Contactors open, pilots at +12 V: the levels that boot.py or the application has left."""
    for pin, level in sys.modules.get("outputs", ()):
        machine.Pin(pin, machine.Pin.OUT, value=level)


def console_locked():
    """True if nobody may have the prompt: boot.py has found that out, or the application."""
    return sys.modules.get("console_locked", False)


def wants_safe_mode():
    """True if safe mode is to run. If not, its module is unloaded. This is a function of its own,
    because a reference left on the stack of main() would keep the module's memory for ever."""
    import safe_mode

    wanted = safe_mode.wanted()
    if not wanted:
        del sys.modules["safe_mode"]
    return wanted


def main():
    try:
        if not console_locked() and hasattr(micropython, "kbd_intr"):
            micropython.kbd_intr(3)
        free = gc.mem_free() if hasattr(gc, "threshold") and hasattr(gc, "mem_free") else SMALL
        if free < SMALL:
            gc.threshold(free // COLLECT_AT)
        import asyncio

        import blackbox

        blackbox.start()
        if wants_safe_mode():
            import safe_mode

            asyncio.run(safe_mode.run())
        else:
            import app

            asyncio.run(app.run())
    except KeyboardInterrupt:
        # Ctrl-C on the console: a developer wants the prompt. The contactors are opened first.
        open_outputs()
        if "app" in sys.modules:
            sys.modules["app"].stop()
        if [place for place in sys.path if place.startswith("/app_")]:
            # A watchdog runs since boot.py (hal/appslot.py), and cannot be stopped.
            machine.WDT(timeout=CONSOLE_MS)
        print("main: stopped from the console")
        return
    except BaseException as exc:
        open_outputs()
        try:
            if "app" in sys.modules:
                sys.modules["app"].stop()  # the tick runs on, and closes nothing any more
            import blackbox
            from evse_base import log
            from hal import system

            log.error("main", "the application failed: %r", exc)
            blackbox.crashed(exc)
            system.mark("Crash")
            system.reset()
        except BaseException as worse:
            # Even the modules for the log and the reset fail: `open_outputs` needs none.
            open_outputs()
            try:
                print("main: %r, then %r" % (exc, worse))
            finally:
                machine.reset()


main()
if console_locked():
    machine.reset()  # after this line comes the prompt
