# Starts the charger; a charger that cannot run resets itself.
# MIT license; part of microevse
"""Runs after boot.py. Whatever escapes from the application ends in a reset: the
contactor opens, and the next start finds the reason in the RTC memory. After a few
crashes in a row the application is left alone: the other slot's runs, or safe mode. This
file lies in the file system and starts the application of any slot, also one that does not
work: nothing is imported before somebody looks at what that raises."""

import gc
import sys

# With more heap than this (PSRAM) there is always a large piece left, and collecting is slow.
_LARGE_HEAP = 1 << 20


def _keep_heap_together():
    """Collect after each eighth of a small heap, not only when nothing is left.

    Otherwise what stays is strewn all over it between what goes: with 40 KB free the largest
    piece was 3 KB, and nothing of 4 KB could be had any more.
    """
    if hasattr(gc, "threshold"):
        gc.collect()
        if gc.mem_free() < _LARGE_HEAP:
            gc.threshold(gc.mem_free() // 8)


def main():
    _keep_heap_together()
    try:
        import asyncio

        import blackbox

        blackbox.start()
        import safe_mode

        if safe_mode.wanted():
            asyncio.run(safe_mode.run())
        else:
            import app

            asyncio.run(app.run())
    except KeyboardInterrupt:
        # Ctrl-C on the console: a developer wants the prompt. The contactor is opened first.
        if "app" in sys.modules:
            sys.modules["app"].stop()
        print("main: stopped from the console")
        return
    except BaseException as exc:
        try:
            import blackbox
            import log
            from hal import system

            log.error("main", "the application failed: %r", exc)
            blackbox.crashed(exc)
            system.mark("Crash")
            system.reset()
        except Exception as worse:
            # Not even what tells and resets works: a soft reset needs no module.
            print("main: %r, then %r" % (exc, worse))
            raise SystemExit


main()
