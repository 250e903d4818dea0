# Starts the charger; a charger that cannot run resets itself.
# MIT license; part of microevse
"""Runs after boot.py. Whatever escapes from the application ends in a reset: the
contactor opens, and the next start finds the reason in the RTC memory."""

import asyncio

import log
import port
from hal import system


def main():
    try:
        import app

        asyncio.run(app.run())
    except KeyboardInterrupt:
        # Ctrl-C on the console: a developer wants the prompt. The contactor is opened first.
        log.warn("main", "stopped from the console")
        app.stop()
        return
    except BaseException as exc:
        log.error("main", "the application failed: %r", exc)
        port.print_exception(exc)
        system.mark("Crash")
        system.reset()


main()
