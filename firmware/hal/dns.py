# Name resolution beside the main program.
# MIT license; part of microevse
"""The name server that the network has told is asked over UDP (lib/dnsclient.py): that takes no
memory beyond a socket, and stops no other code. Where none is known, and for names that end in
.local, it is getaddrinfo(), which waits for seconds with the interpreter's lock released
(ports/esp32/modsocket.c): in a thread of its own it stops no other code either, if the system has
room for one. MicroPython on a host has threads without such a lock, which must never be used;
there the call is made directly, and stalls."""

import asyncio
import sys

from evse_base import IN_PLACE, before_import, release

if not IN_PLACE:
    # Read from a file now: later, when it is needed, a car may charge.
    import dnsclient  # noqa: F401

THREADED = sys.platform == "esp32"
# The scheduler may run the timer's callbacks in whichever thread has the lock: this one must
# have room for them, not only for its own few lines.
STACK = 8192
LIMIT_MS = 20000  # the resolver gives up after 5 to 15 s
_LOOK_MS = 20

# network.WLAN or network.LAN once there is one: it knows the name server.
interface = None


def servers():
    """Addresses of the name servers that the network has told; [] if there are none."""
    try:
        told = interface.ifconfig()[3]
    except (AttributeError, IndexError, OSError):
        return []
    return [] if told in ("", "0.0.0.0") else [told]


class Dns:
    """plain: fn(host, port) -> address as text, OSError; may take its time."""

    def __init__(self, plain):
        self._plain = plain
        self._busy = False

    async def lookup(self, host, port):
        """Address of `host` as text, or (address, seconds for which it holds). OSError if there is
        none."""
        known = servers()
        if known and not host.endswith(".local"):
            await before_import()
            import dnsclient

            try:
                return await dnsclient.query(host, known)
            except ValueError as exc:
                raise OSError(str(exc))
            finally:
                release("dnsclient")
        return await self._threaded(host, port)

    async def _threaded(self, host, port):
        """The address, by getaddrinfo(). OSError if there is none, if there is no room for a
        thread, or if the thread of an earlier question has still not come back."""
        if not THREADED:
            return self._plain(host, port)
        if self._busy:
            raise OSError("the name server has not answered yet")
        import _thread

        from hal import memory

        memory.want("thread")
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
