# Which optional parts this charger offers, and what it tells the central system about them.
# MIT license; part of microevse
"""Feature profiles in the names of OCPP 1.6: those of this firmware, less what the owner has
switched off (setting FeaturesOff: names in _OPTIONAL, commas between), less what the board has no
room for. And the versions of OCPP that are offered (setting OcppVersions).
"""

from evse_base import forget, log
from hal.partition import Flash
from evse_base import const

# Most tokens in one message with the local list: with every field as long as it may be, this many
# fit one WebSocket message.
_MAX_ENTRIES = const(100)
# The profiles of this firmware.
FEATURE_PROFILES = (
    "Core,FirmwareManagement,RemoteTrigger,Reservation,LocalAuthListManagement,SmartCharging"
)
# Those of a board with features = "named": for chips whose heap is too small for all.
NAMED = "Core,RemoteTrigger,LocalAuthListManagement,SmartCharging"
_FILE_PROTOCOLS = const("FTP,HTTP,HTTPS")
# Those that can be switched off; the others are always there.
_OPTIONAL = const(("Reservation", "LocalAuthListManagement", "FirmwareManagement"))
_LISTS_PARTITION = const("lists")
# Events that are kept without a central system, in case one is configured later; and the most that
# are dropped in one go.
_HISTORY = const(200)
_DROP = const(50)


class Features:
    """`profiles`: names of those that are offered; SupportedFeatureProfiles says the same.
    `protocols`: sub-protocols that are offered to the central system.

    features: the set of the board's class, "all" or "named".
    """

    def __init__(self, settings, features="all"):
        self._settings = settings
        off = [name.strip() for name in settings.text("FeaturesOff").split(",")]
        from wiring import adapters

        self.protocols = adapters.there(settings.get("OcppVersions"))
        forget("wiring.adapters")
        off = [name for name in off if name in _OPTIONAL]
        there = NAMED if features == "named" else FEATURE_PROFILES
        self.profiles = [name for name in there.split(",") if name not in off]
        settings.provide("SupportedFeatureProfiles", lambda: ",".join(self.profiles))
        # Of every charger, as its security log can be sent.
        settings.provide("SupportedFileTransferProtocols", _FILE_PROTOCOLS)
        if "Reservation" not in self.profiles:
            settings.provide("ReserveConnectorZeroSupported", "false")

    def tags(self, may_erase):
        """The local authorization list. Without one: None, and its profile is no longer offered.

        may_erase: callable, True while every contactor is open.
        """
        settings = self._settings
        if "LocalAuthListManagement" in self.profiles:
            from store.taglist import ForeignContent, TagList

            try:
                tags = TagList(Flash(_LISTS_PARTITION), may_erase)
                settings.provide("LocalAuthListMaxLength", str(tags.capacity))
                settings.provide("SendLocalListMaxLength", str(_MAX_ENTRIES))
                return tags
            except (OSError, ForeignContent) as exc:
                log.warn("app", "no local authorization list: %s", exc)
            self.profiles.remove("LocalAuthListManagement")
        settings.provide("LocalAuthListEnabled", "false")
        return None

    def tidy(self, journal):
        """Without a central system records are never sent: drop old ones before they fill the
        flash and no session can begin."""
        if self._settings.get("FreeMode") and not self._settings.text("CentralSystemURI"):
            journal.give_up(_HISTORY, _DROP)
