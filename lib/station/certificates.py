# The roots that are installed, and who may change them.
# MIT license; part of microevse
"""A *central* root vouches for the central system, and for who issues this charger's certificate.
A *manufacturer* root vouches for who signs firmware.

Each is a value of its own in the region for secrets (store.vault), or in a file where a board has
no such region (store.value_files): KIND.HASH, with the first 12 bytes of its SHA-256. So a change
is one step, and the same root twice is one value.

What a central system may do:

    install a central root            yes, while there is room
    remove a central root             yes, but not the last one, and not the one by which the
                                      connection in use knows the server
    install a manufacturer root       only over TLS, while the charger has neither one nor a key
                                      for updates; without TLS anybody on the way could do it
    replace or remove one             never: it could sign its own firmware then

Loaded for one request, while every contactor is open, and dropped after. An answer is a pair of a
word and a sentence for the log: "done"; "bad", the certificate is at fault; "failed", for any
other reason.
"""

import asyncio
import gc
import hashlib
from binascii import hexlify

from evse_base import crc32, forget, log, release

from . import security_log

CENTRAL = "central"
MANUFACTURER = "manufacturer"
# Of both kinds together. TLS loads every central root for a handshake: each takes 2 to 4 KB of
# the chip's memory then.
ROOTS_MAX = 3
DER_MAX = 3000  # bytes of a root; one with RSA of 4,096 bits has some 1,500
# Files that the owner provisions.
MANUFACTURER_FILE = "manufacturer.pem"
UPDATE_KEY_FILE = "update.pub"

_OWN_ROOT = "no manufacturer root is taken from the central system: "
_UNKNOWN = "its kind of signature, or an extension, is not known"
_PURPOSE = {CENTRAL: "server", MANUFACTURER: "signing"}


def dropped():
    """The code for certificates, out of memory again."""
    forget("pki")
    for name in ("vault_tidy", "vault", "pieces", "value_files"):
        release("store." + name)
    for name in ("own_certificate", "renewal", "certificates"):
        release("station." + name)


def allowed():
    """True while certificates may be worked on: a stall does no harm."""
    services = security_log.services
    return services is None or services.allowed()


class CarCame(Exception):
    """A contactor has closed: the work on a certificate is given up."""


async def pause():
    """Awaited between two pieces of work. CarCame: the rest has to wait."""
    await asyncio.sleep(0)
    if not allowed():
        raise CarCame("a car charges")


def opened(settings):
    """The values: a store.vault.Vault, or store.value_files.ValueFiles."""
    vault = settings.vault() if settings.vault else None
    if vault is None:
        from store import value_files

        return value_files.ValueFiles(allowed)
    return vault


def roots(settings, kind):
    """DER of each root of that kind that was installed by a message, oldest first."""
    values = opened(settings)
    found = [values.get(name) for name in values.names() if name.startswith(kind + ".")]
    return [der for der in found if der]


def believed(settings):
    """DER of the central roots. Where flash fails the owner's file may do. MemoryError."""
    try:
        return roots(settings, CENTRAL)
    except MemoryError:
        raise
    except Exception as exc:
        log.error("security", "installed roots cannot be read: %r", exc)
        return []


def each(settings, kind, config, public=True):
    """Yields the DER of each root of that kind, one at a time: a plain ESP32 has no room for
    several large ones beside the code that reads them. Of the central ones those of the owner's
    file come last; a file that cannot be read is passed over. config: has file_roots(). public:
    False: not those of the public authorities."""
    values = opened(settings)
    for name in values.names():
        if name.startswith(kind + "."):
            der = values.get(name)
            if der:
                yield der
            der = None
            gc.collect()  # before there is another one
    values = None
    gc.collect()
    if kind != CENTRAL or not public and settings.text("CaFile").startswith("public"):
        return
    try:
        ders = config.file_roots()
    except ValueError as exc:
        log.warn("security", "%s", exc)
        return
    while ders:
        yield ders.pop(0)


def mark_of(name):
    """A small number for the subject of a root (DER), to remember it by (ocppj.tls.topmost)."""
    return crc32(name) & 0x3FFFFFFF


async def install(settings, clock, kind, ders, pause=None):
    """Install a root. ders: the certificates (DER) that were in the message: one is wanted."""
    from pki import chain, tls_reads

    why = None
    if len(ders) != 1:
        why = "one certificate is wanted, not %d" % len(ders)
    elif len(ders[0]) > DER_MAX:
        why = "a root of %d bytes is too large" % len(ders[0])
    if why:
        return _bad(kind, why)
    der = ders[0]
    values = opened(settings)
    name = "%s.%s" % (kind, hexlify(hashlib.sha256(der).digest()[:12]).decode())
    if values.get(name) == der:
        return "done", "this root is installed"
    if kind == MANUFACTURER and _provisioned(values):
        return _bad(kind, _OWN_ROOT + _provisioned(values))
    values = None  # read anew below: what changes meanwhile would be lost, a new key, say
    now = clock.now()
    if now is None:
        return "failed", "the time is not known: a certificate cannot be checked"
    try:
        root = await chain.check_root(der, now, _PURPOSE[kind], pause)
    except chain.ChainError as exc:
        return _bad(kind, str(exc))
    if kind == CENTRAL:  # a manufacturer root never goes to TLS
        await (pause or _go_on)()
        if not tls_reads.root(der):
            # For want of memory, too: mbedTLS does not say why, and it needs some 3 KB.
            return _bad(kind, "TLS here cannot load this root: " + _UNKNOWN)
    values = opened(settings)
    if kind == MANUFACTURER and _provisioned(values):  # another message has come meanwhile
        return _bad(kind, _OWN_ROOT + _provisioned(values))
    count = sum([of.split(".")[0] in _PURPOSE for of in values.names()])
    if count >= ROOTS_MAX:
        return "failed", "there are %d roots, which is the most" % count
    answer = _changed(values, {name: der}, "%s root installed: %s" % (kind, _title(root)))
    if kind == MANUFACTURER:
        security_log.services.only_signed()  # from now on: who shows it to people learns it
    return answer


async def _go_on():
    pass


def _title(root):
    return root.common_name or root.organization or "without a name"


def _bad(kind, why):
    if kind == MANUFACTURER:
        security_log.note("signing_certificate", why)
    else:
        security_log.note("central_certificate", why)
    return "bad", why


def _provisioned(values):
    """Why a manufacturer root is not for the central system to set, "" if it is."""
    from store import value_files

    config = security_log.services.config
    # The setting says what the next connection is; `known_by` is that of the one in use.
    if not config.secure() or config.known_by == 0:
        return "this connection is not over TLS"
    for path in (MANUFACTURER_FILE, UPDATE_KEY_FILE):
        if value_files.is_file(path):
            return "there is a file " + path
    if [name for name in values.names() if name.startswith(MANUFACTURER + ".")]:
        return "one is installed"
    return ""


def _changed(values, changes, text):
    try:
        values.replace(changes)
    except Exception as exc:  # Busy, Full, OSError: nothing has changed
        log.error("security", "certificates: %r", exc)
        return "failed", "it could not be stored"
    security_log.note("security_changed", text)
    return "done", text


async def listed(settings, config, kind, pause=None):
    """Hash data (pki.hashdata) of each root of that kind; of the central ones also those in the
    owner's file, but not the public ones. config: has file_roots()."""
    from pki import certificate, hashdata, nothing
    from pki.der import DerError

    found = []
    for der in each(settings, kind, config, False):
        try:
            root = await certificate.read(der, pause or nothing)
            if root.subject == root.issuer:  # what another has issued has no hash without that
                row = hashdata.of(root)
                if row not in found:  # installed, and in the file
                    found.append(row)
        except DerError:
            pass  # a kind that is not known here, which TLS may know
        root = der = None  # before the next one is read
    return found


async def remove(settings, config, asked, pause=None):
    """Remove the root with this hash data. config: see config.CsmsConfig. The word may also be
    "unknown": there is no such root."""
    from pki import certificate, hashdata, nothing
    from pki.der import DerError

    values = opened(settings)
    for name in values.names():
        kind = name.split(".")[0]
        if kind not in _PURPOSE:
            continue
        der = values.get(name)
        try:
            root = await certificate.read(der or b"", pause or nothing)
        except DerError:
            continue
        if not hashdata.same(hashdata.of(root), asked):
            continue
        if kind == MANUFACTURER:
            return "failed", "a manufacturer root is not for the central system to remove"
        why = _needed(settings, config, der, root.subject)
        if why:
            return "failed", why
        values = opened(settings)  # anew: what has changed meanwhile would be lost
        return _changed(values, {name: None}, "%s root removed: %s" % (kind, _title(root)))
    if [
        one for one in await listed(settings, config, CENTRAL, pause) if hashdata.same(one, asked)
    ]:
        return "failed", "this root is in a file of the owner"
    return "unknown", "there is no such root"


def _needed(settings, config, der, subject):
    """Why a central root cannot go, "" if it can."""
    if not config.secure():
        return ""
    for other in each(settings, CENTRAL, config):
        if other != der:
            break
    else:
        return "it is the last root"
    if config.known_by is None or config.known_by == mark_of(subject):
        return "the connection in use knows the server by this root"
    return ""
