# Settings -> configuration of the connection to the central system.
# MIT license; part of microevse
"""The settings are read anew at each attempt to connect, so that a changed setting holds from the
next attempt on.

The provisioning file gives the settings their factory values.
"""

import json

from evse_base import log
from evse_base import MICROPYTHON, forget, release
from upkeep.access_trial import AccessTrial


def provisioning(path="config.json"):
    """Contents of the provisioning file, {} without one. ValueError if it is not JSON."""
    try:
        with open(path) as f:
            return json.load(f)
    except OSError:
        return {}


def layer_values(layer, values):
    """Log a wrong value in the file and leave it out: it must not crash every start."""
    for name in values:
        try:
            layer({name: values[name]})
        except ValueError as exc:
            log.error("config", "%s", exc)


_parsed = (None, False, "")  # the last text, and what `_parse` answers


def _parse(text):
    """(True for wss://, host name) of an address; ValueError. The last answer is kept: this is
    asked once a second, also while a car charges, and to load the parser is a stall."""
    global _parsed
    if text != _parsed[0]:
        from ocppj import url

        try:
            found = url.parse(text)
        finally:
            release("ocppj.url")
        # Not the Url itself: it would keep its class in the heap.
        _parsed = (text, found.secure, found.host)
    return _parsed[1:]


class CsmsConfig:
    """Configuration object of ocppj.Connection, on top of Settings.

    may_stall(ms): see upkeep.access_trial, which is `access`.
    """

    # Settings whose change means: connect again.
    NAMES = (
        "CentralSystemURI",
        "ChargePointId",
        "AuthorizationKey",
        "BasicAuthPassword",
        "CaFile",
        "ClientCertFile",
        "ClientKeyFile",
        "SecurityProfile",
    )
    connect_timeout = 30

    def __init__(self, settings, may_stall=lambda ms=0: True):
        self._settings = settings
        self.access = AccessTrial(settings, self, may_stall)
        # station.certificates.mark_of the root that vouches for the server of the connection in
        # use; None: not known; 0: nobody does, the connection is not over TLS.
        self.known_by = None
        self._root = 0  # the public root that is tried: the one that was wanted last

    @property
    def url(self):
        """Address of the central system, as the security profile wants it: from 2 on a ws://
        address means wss:// (same host and port), because the central system can raise the profile
        and cannot change the address. ValueError if the profile lacks what it needs."""
        text = self._settings.text("CentralSystemURI")
        profile = self.access.profile()
        if not text or not profile:
            return text
        if profile < 3 and not self.access.password(False):
            raise ValueError("SecurityProfile %d needs a password (AuthorizationKey)" % profile)
        if profile >= 2 and not _parse(text)[0]:
            return "wss" + text.strip()[2:]
        return text

    def secure(self):
        """True for TLS: making that connection stalls the interpreter."""
        try:
            secure = _parse(self._settings.text("CentralSystemURI"))[0]
            return secure or self.access.profile() >= 2
        except ValueError:
            return False

    def host(self):
        """Host name for the page: no path, no identity, no secret."""
        try:
            return _parse(self._settings.text("CentralSystemURI"))[1]
        except ValueError:
            return ""

    @property
    def charge_point_id(self):
        return self._settings.text("ChargePointId")

    @property
    def password(self):
        return self.access.password()

    @property
    def ca_der(self):
        """The roots by which a server is known: those that are installed, and CaFile."""
        from station import certificates

        found = certificates.believed(self._settings)
        certificates.dropped()
        try:
            return found + [der for der in self.file_roots() if der not in found]
        except ValueError as exc:
            if not found:
                raise
            log.warn("config", "%s", exc)  # what is installed is good without the file
            return found

    def file_roots(self):
        """Those of CaFile alone. ValueError if it cannot be read."""
        text = self._settings.text("CaFile")
        if not (text + "/").startswith("public/"):
            return self._pem("CaFile", False)
        import roots

        try:
            if MICROPYTHON or text != "public":
                return [roots.load(text, self._root)]
            # CPython's ssl does not tell which root a server wants, and there is memory for all.
            return roots.every()
        finally:
            forget("roots")

    def next_ca(self, seen):
        """The server's certificate is not from `ca_der`; its chain names the issuers `seen` (DER).
        True if a public root of such a name is `ca_der` from now on, and was not before."""
        if self._settings.text("CaFile") != "public":
            return False
        import roots

        try:
            place = roots.wanted(seen, self._root)
        finally:
            forget("roots")
        if place is None:
            return False
        self._root = place
        return True

    def client_certificate(self):
        """(certificates in DER, our own first; private key in DER) of security profile 3, None
        without: what was installed, before the owner's files. The one place where they are read.
        ValueError if they do not fit each other."""
        from station import certificates, own_certificate

        found = own_certificate.shown(self._settings, self.access)
        certificates.dropped()
        if found:
            return found
        chain, keys = self._pem("ClientCertFile", False), self._pem("ClientKeyFile", True)
        if not chain and not keys:
            if self.access.profile() == 3:
                raise ValueError("SecurityProfile 3 needs ClientCertFile and ClientKeyFile")
            return None
        if not chain or not keys:
            raise ValueError("client certificate and key must be given together")
        from ocppj import tls

        try:
            if not tls.fits(keys[0], chain[0]):
                raise ValueError("ClientKeyFile is not the key of ClientCertFile")
        finally:
            release("ocppj.tls")
        return chain, keys[0]

    def _pem(self, setting, private):
        path = self._settings.text(setting)
        if not path:
            return []
        from ocppj import pem

        try:
            with open(path) as f:
                return pem.pem_to_der(f.read(), pem.PRIVATE_KEY if private else pem.CERTIFICATE)
        except OSError:
            raise ValueError("%s: no file %s" % (setting, path))
        finally:
            release("ocppj.pem")

    @property
    def ping_interval(self):
        return self._settings.get("WebSocketPingInterval")

    @property
    def message_timeout(self):
        return self._settings.get("MessageTimeout")

    @property
    def back_off(self):
        """What the central system wants of the waits between attempts, see ocppj.backoff."""
        get = self._settings.get
        least = get("RetryBackOffWaitMinimum")
        if not least:
            return None
        return least, get("RetryBackOffRepeatTimes"), get("RetryBackOffRandomRange")
