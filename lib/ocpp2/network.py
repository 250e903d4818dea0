# SetNetworkProfile, and the slots as variables.
# MIT license; part of microevse
"""B09: a slot is written by a message or, in 2.1, by variables of the component
NetworkConfiguration, one instance for each slot. What a slot may be is judged where the settings
are (reason words of 2.1 before a colon). Slot 1 is what the owner has set: it is shown only.
"""

import json

from evse_base import before_import, const, release
from station import network_slot

_COMPONENT = const("NetworkConfiguration")
_VERSIONS = const("OCPP16 1.6\nOCPP201 2.0.1\nOCPP21 2.1\nOCPP20 2.0.1\n")
# name|place in the slot|type|limits
_FIELDS = """
BasicAuthPassword|6|s|64
Identity|5|s|48
MessageTimeout|2|i|1..600
OcppCsmsUrl|1|s|512
OcppInterface|4|O|
OcppTransport||O|JSON
OcppVersion|0|O|OCPP16,OCPP201,OCPP21
SecurityProfile|3|i|0..3
"""


def _refused(code, sentence=""):
    info = {"reasonCode": code}
    if sentence:
        info["additionalInfo"] = sentence[:512]
    return {"status": "Rejected", "statusInfo": info}


def _reason(settings):
    """(reasonCode, sentence) of why a setting was not taken."""
    code, colon, sentence = settings.reason.partition(": ")
    if colon and code.isalpha():
        return code, sentence
    return "InvalidNetworkConf", settings.reason


def _version(word):
    """ "2.0.1" of "OCPP201", None if it is none of this charger's."""
    at = _VERSIONS.find(word + " ")
    return _VERSIONS[at:].split("\n")[0].partition(" ")[2] if at >= 0 and word else None


def _interfaces(point):
    """Those that a slot may name: the board has one network."""
    own = "Wired0" if "ethernet" in point.fitted else "Wireless0"
    return [own, "Any"] if point.later else [own]


def _keep(point, number, slot):
    """Keep a slot; "accepted" or why not is in settings.reason."""
    return point.settings.set("NetworkSlot%d" % number, json.dumps(slot), access="w")


async def set_network_profile(point, payload):
    """SetNetworkProfile (B09). It is stored; the order of the slots says when it is used."""
    data, number, settings = (
        payload["connectionData"],
        payload["configurationSlot"],
        point.settings,
    )
    version = data.get("ocppVersion", "")
    code, sentence = "InvalidNetworkConf", ""
    if not 1 <= number <= network_slot.COUNT:
        code, sentence = "InvalidConfSlot", "slots 1 to %d" % network_slot.COUNT
    elif number == 1:
        code, sentence = "PriorityNetworkConf", "slot 1 is what the owner has set"
    elif data["ocppTransport"] != "JSON":
        sentence = "ocppTransport is JSON"
    elif "apn" in data or "vpn" in data:
        sentence = "no mobile network and no VPN"
    elif data["ocppInterface"] not in _interfaces(point):
        sentence = "ocppInterface is %s" % _interfaces(point)[0]
    elif version and not _version(version):
        sentence = "ocppVersion is not spoken"
    elif not data["ocppCsmsUrl"]:
        code = "InvalidURL"
    else:
        slot = list(network_slot.EMPTY)
        slot[network_slot.VERSION] = _version(version) or ""
        slot[network_slot.URL] = data["ocppCsmsUrl"]
        slot[network_slot.TIMEOUT] = data["messageTimeout"]
        slot[network_slot.PROFILE] = data["securityProfile"]
        slot[network_slot.INTERFACE] = data["ocppInterface"]
        slot[network_slot.IDENTITY] = data.get("identity", "")
        slot[network_slot.PASSWORD] = data.get("basicAuthPassword", "")
        await before_import()
        if _keep(point, number, slot) == "accepted":
            release("station.network_slot")
            return {"status": "Accepted"}
        code, sentence = _reason(settings)
    release("station.network_slot")
    return _refused(code, sentence)


# -- as variables -------------------------------------------------------------------------------


class SlotVariable:
    """As model.Variable: one place of a slot."""

    evse = connector = setting = None
    component, instance, unit = _COMPONENT, "", ""

    def __init__(self, point, number, line):
        self.part = str(number)  # instance of the component
        self._point, self._number = point, number
        self.name, self._place, self.kind, self.limits = line.split("|")
        self.access = "w" if self.name == "BasicAuthPassword" else "rw" if number > 1 else "r"
        if self.name == "OcppInterface":
            self.limits = ",".join(_interfaces(point))

    def value(self):
        """As text; None of a number that is not set, and of the password."""
        if self.access == "w":
            return None
        slot = network_slot.read(self._point.settings, self._number)
        if not self._place:
            return "JSON"
        value = (slot or network_slot.EMPTY)[int(self._place)]
        if self.name == "OcppVersion" and value:
            at = _VERSIONS.find(" %s\n" % value)
            return _VERSIONS[:at].split("\n")[-1]
        if self.name == "OcppInterface":
            return value or (_interfaces(self._point)[0] if self._number == 1 else "")
        if self.name == "OcppCsmsUrl" and self._number == 1:
            # The owner's query may hold a token of another central system, and so may what the
            # owner has typed wrongly.
            return "" if "@" in value else value.partition("?")[0]
        return None if value is None else str(value)

    def set(self, text):
        """As model.Variable.set."""
        settings = self._point.settings
        if self._number == 1:
            return "rejected", "PriorityNetworkConf", "slot 1 is what the owner has set"
        value = text
        if self.kind == "O" and text and text not in self.limits.split(","):
            value = None
        elif self.kind == "i":
            least, most = self.limits.split("..")
            good = 0 < len(text) < 4 and all([c in "0123456789" for c in text])
            value = int(text) if good and int(least) <= int(text) <= int(most) else None
        elif self.name == "OcppVersion" and text:
            value = _version(text)
        if value is None or not self._place and not text:
            return "rejected", "InvalidValue", "%s: %s" % (self.name, self.limits)
        if not self._place:
            return "accepted", "", ""
        slot = network_slot.read(settings, self._number) or list(network_slot.EMPTY)
        slot[int(self._place)] = value
        if _keep(self._point, self._number, slot) == "accepted":
            return "accepted", "", ""
        code, sentence = _reason(settings)
        return "rejected", code, sentence

    def characteristics(self):
        """VariableCharacteristicsType."""
        out = {"supportsMonitoring": False}
        if self.kind == "i":
            least, most = self.limits.split("..")
            out.update({"dataType": "integer", "minLimit": int(least), "maxLimit": int(most)})
        elif self.kind == "O":
            out.update({"dataType": "OptionList", "valuesList": self.limits})
        else:
            out.update({"dataType": "string", "maxLimit": int(self.limits)})
        return out

    def names(self):
        """(ComponentType, VariableType)."""
        return {"name": _COMPONENT, "instance": self.part}, {"name": self.name}


def each(point):
    """Iterate the variables of all slots."""
    for number in range(1, network_slot.COUNT + 1):
        for line in _FIELDS.strip().split("\n"):
            yield SlotVariable(point, number, line)
