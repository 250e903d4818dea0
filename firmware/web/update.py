# An update from the page: the body of one request, handed to the installer as it comes.
# MIT license; part of microevse
"""POST /api/v1/update, the bundle as body (application/octet-stream). Imported for the request
and dropped after it, when the page's code has been dropped (web.connections, make_room): in a full
heap its objects would lie scattered, and leave no large blocks. For the same reason nothing of the
page is imported here. The connection to the central system stays.

`services` has allowed(ms), vacant(), installer() and reboot(), as transfers.Transfers has them.

    curl -u admin:PASSWORD -H 'Content-Type: application/octet-stream' --data-binary @FILE ADDRESS
"""

import asyncio
import gc
import json

from evse_base import log
import evse_base as port

OWNER = "the page"
_PIECE = 1024  # one erase of flash at the most
# Bytes that have to be free before the installer's code is loaded: what it takes, and what is left
# for a session that begins meanwhile.
NEEDS = 14 * 1024
# Seconds until the answer has left.
_REBOOT_S = 1
_GONE = 104  # errno of web.bounds.Disconnected, and of a connection that the client has reset
_BUSY = (409, "busy", "A session begins: the update was given up.")
_HEAD = (
    "HTTP/1.0 %d %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
)
# What is left of a bundle that was refused is read for so long: 640 KB come in 5 to 15 s.
_REST_S = 30
_NO_MEMORY = (503, "memory", "The charger has no memory for an update just now; try again later.")


async def take(door, conn):
    """Receive the update that `conn` (web.bounds.Bounded) has, and answer. door: web.door.Door."""
    size, services = conn.update
    try:
        try:
            answer = await _received(conn, size, services)
        except MemoryError as exc:
            log.error("update", "no memory: %s", exc)
            gc.collect()
            answer = _NO_MEMORY
        await _send(conn, *answer)
    except OSError:
        pass  # the client has left
    finally:
        door.wait_s = 0
        conn.update = None
        try:
            await conn.aclose()
        except OSError:
            pass
        port.forget("web.update")
        gc.collect()


async def _received(conn, size, services):
    """(status, code, message) of the answer; code None: it is installed. MemoryError, or OSError
    if the client has left: nothing is."""
    installer = None
    done = False
    view = memoryview(bytearray(_PIECE))
    left = size
    try:
        if not port.room(NEEDS):
            raise MemoryError("%d of %d bytes are free" % (gc.mem_free(), NEEDS))
        installer = await _installer(services)
        if installer is None:
            return 409, "no_slots", "This board has no application slots: updates go by cable."
        installer.begin(size, OWNER)
        while left:
            n = await conn.into(view[: min(left, _PIECE)])
            left -= n
            # Flash is erased: no contactor may close meanwhile. It needs a session, and that
            # cannot begin before the next await.
            if not services.vacant() or not installer.write(view[:n], services.allowed):
                return _BUSY
        installer.finish()
        installer.before_trial(services)
        done = True
        asyncio.create_task(_reboot(services))
        version = installer.version()
        return 200, None, "Version %s is installed; the charger starts it now." % version
    except ValueError as exc:
        return 400, "bundle", "The update was refused: %s." % exc
    except OSError as exc:
        if exc.errno == _GONE:
            log.warn("update", "the client has left: %d bytes did not come", left)
            left = 0
            raise
        log.warn("update", "from the page: %r", exc)
        return 500, "flash", "The update could not be stored, or broke off."
    finally:
        if installer and not done:
            installer.abort(OWNER)
        if not installer or not installer.busy:
            # Where it waits for the central system's word it stays: there is one for both.
            installer = None
            for name in ("upkeep", "slots", "hal.appslot"):
                port.release(name)
        await conn.skip(left, _REST_S)


async def _installer(services):
    """The installer, its modules loaded one after the other; None if this board has none."""
    await port.before_import()
    import slots  # noqa: F401

    await port.before_import()
    from hal import appslot  # noqa: F401

    await port.before_import()
    from slots import bundle  # noqa: F401

    await port.before_import()
    from upkeep import installer  # noqa: F401

    return services.installer()


async def _send(conn, status, code, message):
    fields = {"error": code, "message": message} if code else {"message": message}
    await conn.awrite((_HEAD % (status, "OK" if status == 200 else "N/A")).encode())
    await conn.awrite(b"\r\n")
    await conn.awrite(json.dumps(fields).encode())


async def _reboot(services):
    await asyncio.sleep(_REBOOT_S)
    while not services.vacant():
        await asyncio.sleep(1)
    await services.reboot()
