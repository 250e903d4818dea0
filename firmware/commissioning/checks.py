# Checks the settings that an owner gives a new charger.
# MIT license; part of microevse
"""The same checks for the set-up page, for the console and for the tool on the host.

`refusals` knows values only, no network and no files.
"""

from ocppj import url
from station.settings import Settings

_WPA_MIN = 8  # IEEE 802.11, a passphrase is 8 to 63 characters of ASCII
_SSID_MAX = 32  # bytes


def refusals(values, known=None):
    """{setting: why it cannot be} of `values` ({setting: text}), {} if all is well.

    known: fn(name) -> text of a setting that is not in `values`; default: nothing is set.
    """
    wrong = {}
    # One without a journal: checks as the real one does, and forgets.
    scratch = Settings(None)
    for name in values:
        try:
            scratch.factory({name: values[name]})
        except ValueError as exc:
            wrong[name] = str(exc)

    def text(name):
        if name in values:
            return values[name]
        return known(name) if known else ""

    def refuse(name, why):
        if name not in wrong:
            wrong[name] = "%s %s" % (name, why)

    ssid, password = text("WifiSsid"), text("WifiPassword")
    if "WifiSsid" in values and len(ssid.encode()) > _SSID_MAX:
        refuse("WifiSsid", "must be at most %d bytes" % _SSID_MAX)
    if values.get("WifiPassword"):
        if not ssid:
            refuse("WifiSsid", "is missing: a password alone is no network")
        if len(password) < _WPA_MIN or not all([32 <= ord(c) < 127 for c in password]):
            refuse("WifiPassword", "must be 8 to 63 characters (no umlauts), or empty")
    if values.get("CentralSystemURI"):
        try:
            secure = url.parse(values["CentralSystemURI"]).secure
        except ValueError as exc:
            refuse("CentralSystemURI", ": %s" % exc)
        else:
            if not text("ChargePointId"):
                refuse("ChargePointId", "is missing: the central system wants to know who calls")
            if secure and not text("CaFile"):
                refuse(
                    "CaFile",
                    "is missing: wss:// needs the CA's certificate (PEM), or `public` where the "
                    "server has one of a public authority",
                )
    profile = values.get("SecurityProfile")
    if profile in ("1", "2") and not (text("BasicAuthPassword") or text("AuthorizationKey")):
        refuse("AuthorizationKey", "is missing: SecurityProfile %s wants a password" % profile)
    if ":" in values.get("ChargePointId", "") and (
        text("BasicAuthPassword") or text("AuthorizationKey")
    ):
        # RFC 7617 section 2: everything behind the first colon would be the password.
        refuse("ChargePointId", "must not have a colon where there is a password")
    return wrong
