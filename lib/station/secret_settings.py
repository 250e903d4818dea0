# Settings that are secret: kept in the vault, and moved there from the journal.
# MIT license; part of microevse
"""An older version finds no secret in the vault. So they stay in the journal until this version
is kept for good: `move` is called then. A record in the journal counts more than the vault: it is
either the same, or an older version has written it after the move. Loaded when it is needed.
"""

from evse_base import forget, log, release
from store import kinds

from .declarations import line

# The last record of a move, in the journal: of a setting that no version has.
_MOVED = "SecretsMoved"
# A password that versions before the vault have left in the journal under a name of the past.
_FORMER = "AuthorizationKeyBefore"


def _dropped():
    """The code for all this, out of memory again."""
    for name in ("store.vault_tidy", "store.wipe"):
        forget(name)
    for name in ("store.vault", "store.pieces", "station.secret_settings"):
        release(name)  # a password may be set while a car charges


def load(settings, stored):
    """Put the values of the vault into `stored`, and see where what is secret belongs. It never
    raises: without them the charger starts all the same."""
    try:
        vault = settings.vault()
        if vault is None:
            return
        settings.secured = settings.journal is None or _moved(settings)
        for name in vault.names():
            if line(name) and settings.is_secret(name) and name not in stored:
                text = _text(vault.get(name))
                if text is not None and settings.keeps(name, text):
                    stored[name] = text
        settings.reason = ""
    except Exception as exc:
        log.error("settings", "what is secret cannot be read: %r", exc)
    finally:
        _dropped()


def _text(value):
    try:
        return None if value is None else value.decode()
    except UnicodeError:
        return None


def _moved(settings):
    return settings.journal.get(kinds.SETTING, _MOVED) is not None


def keep(settings, name, value):
    """Keep a secret value: the one place where a parameter of the security changes. Busy, Full,
    OSError: it is not kept."""
    try:
        vault = settings.vault()
        if vault is None:
            raise OSError("no region for secrets")
        vault.put(name, value.encode())
        if settings.journal.get(kinds.SETTING, name) is not None:
            # It would count more at the next start.
            _wipe(settings, lambda key: key == name)
    finally:
        _dropped()


def adopt(settings, values):
    """Keep secret factory values, but not those that have been set since. Raises as `keep`."""
    try:
        new = {}
        for name in values:
            text = settings._check(name, str(values[name]))
            if text is not None and name not in settings._stored:
                new[name] = text
        settings.vault().replace({name: new[name].encode() for name in new})
        settings._stored.update(new)
    finally:
        _dropped()


def _wipe(settings, unwanted):
    from store import wipe

    wipe.wipe(settings.journal, kinds.SETTING, unwanted)


def move(settings):
    """Move what is secret out of the journal. True if nothing secret is in it any more.

    It may be cut anywhere: the next start does it again. Only while every contactor is open.
    """
    try:
        vault = settings.vault()
        if vault is None or settings.journal is None:
            return False

        def secret(name):
            return bool(line(name)) and settings.is_secret(name)

        found = {
            name: fields[1].encode()
            for name, fields in settings.journal.state(kinds.SETTING)
            if secret(name)
        }
        if found or not _moved(settings):
            vault.replace(found)
            _wipe(settings, lambda name: secret(name) or name == _FORMER)
            settings.journal.keep(kinds.SETTING, _MOVED, [_MOVED, "true"])
            log.info("settings", "%d secret values are in a region of their own", len(found))
        settings.secured = True
        vault.tidy(lambda: True)
    except Exception as exc:
        log.error("settings", "secret values stay where they are: %r", exc)
    finally:
        _dropped()
    return settings.secured
