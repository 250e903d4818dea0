# Loads the page's code, one module after the other, and drops it.
# MIT license; part of microevse
"""Loaded for a visitor and dropped with the rest; of the page web.door alone stays."""

import evse_base as port

# `web.login` stays: it counts the wrong passwords.
PAGE = (
    "web.server", "web.view", "web.connections", "web.bounds", "web.events", "web.origin",
    "web.answers", "web.loading", "microdot", "wiring",
)  # fmt: skip


def drop():
    """Forget the page's code; what is in use stays until it is not."""
    for name in PAGE:
        port.forget(name)


async def page(view, lacks, account, settings, clock, hosts):
    """(web server, account): web.server.make_app for the charger that `view()` shows; its forget()
    drops the code. None of it stays when this fails.

    A car may charge: each module is one stall, and the timer has its turn between them.
    lacks: True if `view` tells what the board lacks. account: web.login.Login, None before there
    is one. hosts: names by which the page may be asked for.
    """
    try:
        return await _page(view, lacks, account, settings, clock, hosts)
    except BaseException:
        drop()
        raise


async def _page(view, lacks, account, settings, clock, hosts):
    await port.before_import()
    from web import login

    await port.before_import()
    import microdot  # noqa: F401

    await port.before_import()
    from web import bounds, origin  # noqa: F401

    await port.before_import()
    from web import answers  # noqa: F401

    await port.before_import()
    from web import events  # noqa: F401

    await port.before_import()
    from web import connections  # noqa: F401

    await port.before_import()
    from web import server

    if lacks:
        await port.before_import()
        from wiring import fitted  # noqa: F401

    await port.before_import()
    account = account or login.from_settings(settings, clock)
    shown = view()
    await port.before_import()  # making the view has loaded its code
    app = server.make_app(shown, account, hosts)
    app.dropped = drop
    return app, account
