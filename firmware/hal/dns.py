# Name resolution beside the main program.
# MIT license; part of microevse
"""getaddrinfo() of the ESP32 waits for seconds, with the interpreter's lock released
(ports/esp32/modsocket.c): in a thread of its own it stops no other code. MicroPython on a host has
threads without such a lock, which must never be used; there the call is made directly, and
stalls."""

import asyncio
import sys

THREADED = sys.platform == "esp32"
# The scheduler may run the timer's callbacks in whichever thread has the lock: this one must
# have room for them, not only for its own few lines.
STACK = 8192
LIMIT_MS = 20000  # the resolver gives up after 5 to 15 s
_LOOK_MS = 20


class Dns:
    """plain: fn(host, port) -> address as text, OSError; may take its time."""

    def __init__(self, plain):
        self._plain = plain
        self._busy = False

    async def lookup(self, host, port):
        """Address of `host` as text. OSError if there is none, or if the thread of an earlier
        question has still not come back."""
        if not THREADED:
            return self._plain(host, port)
        if self._busy:
            raise OSError("the name server has not answered yet")
        import _thread

        answer = []
        self._busy = True
        _thread.stack_size(STACK)
        try:
            _thread.start_new_thread(self._work, (host, port, answer))
        except (OSError, MemoryError, RuntimeError):
            self._busy = False
            raise OSError("no memory for a thread")
        finally:
            _thread.stack_size(0)
        for _ in range(LIMIT_MS // _LOOK_MS):
            await asyncio.sleep(_LOOK_MS / 1000)
            if answer:
                if isinstance(answer[0], str):
                    return answer[0]
                raise answer[0]
        raise OSError("no answer from the name server")

    def _work(self, host, port, answer):
        # The thread hands over its result by one append: no lock is needed.
        try:
            found = self._plain(host, port)
        except Exception as exc:
            found = exc if isinstance(exc, OSError) else OSError("resolver: %r" % exc)
        self._busy = False
        answer.append(found)
