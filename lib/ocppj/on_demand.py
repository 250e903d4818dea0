# Requests of the central system: the code that answers one is loaded when it comes.
# MIT license; part of microevse
"""A handler is `async fn(point, payload)` and returns what `ocppj.rpc.Rpc` describes. `point` is
the adapter that the request came to, such as `ocpp16.client.Ocpp16`. Its attributes without
underscore are what handlers work with.

On a chip that executes code in place, in flash, a handler's module is loaded for one request and
unloaded after it, as a loaded module takes heap. A handler that needs another one loads it itself:
each is one stall, and the timer has its turn between them (`evse_base.before_import`). Elsewhere
all modules are loaded at the start: reading them from files would stall the interpreter while a
car charges.

A table has a line for each action, "action module.function", and begins and ends with a line feed.
It is one text that is searched: as tuples it would be a KB of heap.
"""

import sys

from evse_base import before_import, const, forget, log, release

_STARVED_MS = const(10000)


def rows(table):
    """(action, module, function) of all actions."""
    for line in table.split("\n"):
        action, _, place = line.partition(" ")
        if place:
            yield (action,) + tuple(place.split("."))


def _load(package, name):
    """The module `package.name`. The only place where a module is named by a text."""
    full = package + "." + name
    __import__(full)
    return sys.modules[full]


def _forget(package, table):
    """Unload all handlers: one may have imported another. A handler that runs keeps its code."""
    for _, module, _ in rows(table):
        if package + "." + module in sys.modules:
            forget(package + "." + module)


def load_all(package, table):
    """Load the modules of all handlers, to stay."""
    for _, module, _ in rows(table):
        _load(package, module)


def handler(point, action, package, table):
    """The handler of an action in `package`; None if it has none. `point.passing`: True to load
    its code for the one request."""
    at = table.find("\n%s " % action) + len(action) + 2
    if at < len(action) + 2:
        return None
    module, _, function = table[at : table.find("\n", at)].partition(".")

    async def handle(payload):
        if not point.passing:
            return await getattr(_load(package, module), function)(point, payload)
        await before_import()
        fn = getattr(_load(package, module), function)
        _forget(package, table)  # now: there may be little memory later
        try:
            return await fn(point, payload)
        finally:
            _forget(package, table)  # what it has loaded itself

    return handle


async def code(point, name):
    """The module `name` of the adapter's package, loaded for one use."""
    await before_import()
    module = _load(point.package, name)
    release(point.package + "." + name)
    return module


async def once(point, name, function):
    """Run `function(point)` of the module `name` of the adapter's package, loaded for that.

    Without memory it is for later (`point.starved_ms`): somebody sends an update to the page, say.
    The connection must not end with it.
    """
    try:
        await getattr(await code(point, name), function)(point)
    except MemoryError:
        point.starved_ms = point.clock.uptime_ms() + _STARVED_MS
        log.info("ocpp", "%s waits for memory", name)
