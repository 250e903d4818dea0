# The manufacturer's root certificates: whose signing certificates are believed for an update.
# MIT license; part of microevse
"""They are in the file manufacturer.pem, written by cable, and in the region for secrets under
names that begin with `manufacturer.`. Nothing else reads either for updates. Loaded for an update.
"""

import os

from evse_base import log, release
from hal import appslot

FILE = "manufacturer.pem"
NAMES = "manufacturer."


def _there(path):
    """True if the file is there, or cannot be looked for: then nothing unsigned is taken."""
    try:
        os.stat(path)
        return True
    except OSError as exc:
        return exc.args[0] != 2  # ENOENT


def _kept(settings):
    """(region for secrets, names of roots in it); (None, []) without one."""
    vault = settings.vault() if settings is not None and settings.vault else None
    if vault is None:
        return None, []
    return vault, [name for name in vault.names() if name.startswith(NAMES)]


def takes_unsigned(settings):
    """True if updates are taken that nobody has signed. settings: None looks only for files."""
    return not _there(appslot.KEY_FILE) and not _rooted(settings)


def only_signed(settings):
    """Why an update that the manufacturer has not signed is not taken, "" if it is. With a root
    and no key for bundles, anything else would go around the signature."""
    if _there(appslot.KEY_FILE):
        return ""
    return _rooted(settings)


def _rooted(settings):
    try:
        if _there(FILE) or _kept(settings)[1]:
            return "updates must be signed: this charger has a root of its manufacturer"
    except OSError as exc:
        return "updates must be signed: the manufacturer's roots cannot be read (%r)" % exc
    return ""


def roots(settings):
    """DER of every root that can be read."""
    from ocppj import pem

    release("ocppj.pem")
    found = []
    try:
        with open(FILE) as file:
            found += pem.pem_to_der(file.read())
    except (OSError, ValueError) as exc:
        if not isinstance(exc, OSError) or exc.args[0] != 2:  # ENOENT
            log.error("update", "%s cannot be read: %r", FILE, exc)
    try:
        vault, names = _kept(settings)
        for name in names:
            found += _ders(pem, vault.get(name))
    except (OSError, ValueError) as exc:
        log.error("update", "roots of the manufacturer cannot be read: %r", exc)
    return found


def _ders(pem, value):
    """A root is kept as PEM or as DER."""
    if not value:
        return []
    return [bytes(value)] if value[0] == 0x30 else pem.pem_to_der(value.decode())
