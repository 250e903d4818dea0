# Starts the charger; a charger that cannot run resets itself.
# MIT license; part of microevse
"""Runs after boot.py. Whatever escapes from the application ends in a reset: the
contactor opens, and the next start finds the reason in the RTC memory. After a few
crashes in a row the application is left alone and safe mode runs."""

import asyncio
import gc
import sys

import blackbox
import log
from hal import system

# Garbage of this part of what is free is collected: what stays is then packed together, and
# large blocks can be had where it counts (a message, a TLS record).
COLLECT_AT = 16


def main():
    try:
        if hasattr(gc, "threshold"):
            gc.threshold(gc.mem_free() // COLLECT_AT)
        blackbox.start()
        import safe_mode

        if system.boot_loops() >= safe_mode.AFTER:
            asyncio.run(safe_mode.run())
        else:
            import app

            asyncio.run(app.run())
    except KeyboardInterrupt:
        # Ctrl-C on the console: a developer wants the prompt. The contactor is opened first.
        log.warn("main", "stopped from the console")
        if "app" in sys.modules:
            sys.modules["app"].stop()
        return
    except BaseException as exc:
        log.error("main", "the application failed: %r", exc)
        blackbox.crashed(exc)
        system.mark("Crash")
        system.reset()


main()
