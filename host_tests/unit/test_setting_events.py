# Which settings are security events when they change, told by the program itself.
# MIT license; part of microevse

import sys

from slot_bench import Chip
from station import declarations, security_log


class Apart:
    """Modules that are loaded within are gone after it: they hold those of a Chip."""

    def __enter__(self):
        self.before = set(sys.modules)

    def __exit__(self, *exc):
        for name in set(sys.modules) - self.before:
            del sys.modules[name]


class Charger:
    """As much of one as a setting that changes nothing else needs."""

    evses = ()
    reconnects = 0

    class config:
        NAMES = ("AuthorizationKey", "SecurityProfile")

    def _reconnect(self, why):
        self.reconnects += 1


def test_only_the_settings_that_are_named_are_security_events():
    """A name that was a part of the list of names counted, too."""
    names = [row.split("|")[0] for row in declarations.BLOB.split("\n") if row]
    wanted = {
        "AuthorizationKey", "SecurityProfile", "WebPassword", "SetupKey", "UpdateNewerOnly",
        "NtpServer",
    }  # fmt: skip
    assert wanted < set(names)
    with Apart(), Chip():
        import app

        charger, made = Charger(), []
        app.asyncio, kept = type("Asyncio", (), {"create_task": made.append}), app.asyncio
        try:
            for name in names + ["Web", "Key", "Password SetupKey", " ", "", "Server"]:
                del security_log.waiting[:]
                app.Charger._on_setting(charger, name, "1")
                noted = [entry[:2] for entry in security_log.waiting]
                assert noted == ([["security_changed", name]] if name in wanted else []), name
        finally:
            app.asyncio = kept
    assert len(made) == charger.reconnects == len([n for n in names if n in charger.config.NAMES])
    del security_log.waiting[:]
