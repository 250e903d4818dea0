# Opens the region for secrets.
# MIT license; part of microevse
"""Loaded when a secret is read or written, and dropped after: nothing of it stays in memory."""

import sys

from evse_base import forget, log, release
from hal.partition import Flash
from store.sectors import ForeignContent
from store.vault import Vault

PARTITION = "secrets"
# For the log, once at each start of a board without that region.
NONE = "no region for secrets (%s): passwords stay in the journal, certificates in files"


def opened(may_stall):
    """The store.vault.Vault; None on a board that has none. OSError: the flash fails. This module
    is imported anew for the next one."""
    try:
        flash = Flash(PARTITION)
    except OSError:
        return None
    try:
        return Vault(flash, may_stall)
    except ForeignContent:
        return None
    finally:
        release("wiring.vault")


def lacks():
    """Why this board has no region for secrets, "" if it has one. It never raises."""
    try:
        flash = Flash(PARTITION)
    except OSError:
        return "no partition " + PARTITION
    try:
        Vault(flash)
    except ForeignContent as exc:
        return "foreign content, %s" % exc
    except Exception as exc:
        return repr(exc)
    return ""


def _on_trial():
    if not [place for place in sys.path if place.startswith("/app_")]:
        return False
    from hal import appslot

    try:
        return appslot.on_trial()
    finally:
        forget("slots")
        forget("hal.appslot")


def _lock_console(settings):
    from hal import kept

    try:
        if kept.lock_console(settings.get("ConsoleLocked")):
            log.info("vault", "the console is locked")
            # It is the NVS that counts: what the journal has lost is put right.
            settings.keep_own("ConsoleLocked", "true")
    except Exception as exc:
        log.error("vault", "the console is not locked for good: %r", exc)


def _erase(settings):
    """Go on with a factory reset that has begun."""
    try:
        from hal import kept

        if kept.marked(kept.ERASE):
            from upkeep import factory_reset

            factory_reset.resume(settings)
    except Exception as exc:
        log.error("vault", "factory reset: %r", exc)
    finally:
        forget("hal.kept")


def secure(settings):
    """At the start: lock the console, and move what is secret into its region, unless this version
    may be given back: an older one would find no password there. It never raises.
    """
    _lock_console(settings)
    _erase(settings)
    try:
        why = lacks()
        if why:
            log.warn("vault", NONE, why)
        elif _on_trial():
            log.info("vault", "on trial: passwords stay in the journal until it is over")
        else:
            from upkeep import secure

            secure.move(settings)
            forget("upkeep.secure")
    except Exception as exc:
        log.error("vault", "passwords stay where they are: %r", exc)
    from upkeep import profile_floor

    profile_floor.hold(settings)
