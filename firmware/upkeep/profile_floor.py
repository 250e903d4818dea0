# The highest security profile that has worked, kept beside the secrets.
# MIT license; part of microevse
"""A journal that is damaged, or replaced by RAM, forgets SecurityProfile. The passwords are in
another region and outlast it: by the default of the setting, profile 0, the charger would send
them in the open. So the profile is kept in their region as well, and no start goes below it. The
owner may (page, cable), and a factory reset erases it with the secrets.

Loaded at the start and when the profile changes. A board without the region keeps its passwords
in the journal: they are lost with the profile.
"""

from evse_base import forget, log, release

_NAME = "profile"  # a value of the vault; no setting has this name
_PROFILE = "SecurityProfile"
_BEFORE = "AccessBefore"


def _dropped():
    forget("store.vault_tidy")
    for name in ("store.vault", "store.pieces", "upkeep.profile_floor"):
        release(name)


def _vault(settings):
    return settings.vault() if settings.vault else None


def _kept(vault):
    value = vault.get(_NAME) if vault else None
    if value is None and vault and _NAME in vault.names():
        raise ValueError("the kept profile is damaged")
    return int(value or b"0")


def hold(settings):
    """At the start, with all settings: go back up to the kept profile. It never raises."""
    try:
        vault = _vault(settings)
        kept, now, before = _kept(vault), settings.get(_PROFILE), settings.text(_BEFORE)[:1]
        if before.isdigit() and int(before) < kept:
            settings.keep_own(_BEFORE, "")  # nothing to go back to
            before = ""
        if now < kept:
            log.warn("vault", "%s %d has worked: it is not %d", _PROFILE, kept, now)
            if not settings.keep_own(_PROFILE, str(kept)):
                settings.overlay({_PROFILE: kept})
        elif now > kept and vault and not before.isdigit():
            vault.put(_NAME, str(now).encode())
    except Exception as exc:
        log.error("vault", "the profile that has worked is not known: %r", exc)
        if settings.get(_PROFILE) == 0:
            for name in ("AuthorizationKey", "BasicAuthPassword", _BEFORE):
                settings.provide(name, "")
            log.error("vault", "no password is sent until the next start")
    finally:
        _dropped()


def worked(settings):
    """SecurityProfile has worked: keep it. It never raises: the next start does it again."""
    try:
        vault, now = _vault(settings), settings.get(_PROFILE)
        if vault and now > _kept(vault):
            vault.put(_NAME, str(now).encode())
    except Exception as exc:
        log.error("vault", "profile: %r", exc)
    finally:
        _dropped()


def lower(settings, wanted):
    """The owner wants SecurityProfile `wanted`. False: it is not stored that this is allowed."""
    try:
        vault = _vault(settings)
        if vault and _NAME in vault.names():
            value = vault.get(_NAME)
            if value is None or wanted < int(value):
                vault.put(_NAME, str(wanted).encode())
        return True
    except Exception as exc:
        log.error("vault", "profile: %r", exc)
        return False
    finally:
        _dropped()
