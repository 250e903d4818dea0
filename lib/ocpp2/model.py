# The device model of OCPP 2.x: which variables there are, and what each says.
# MIT license; part of microevse
"""Two tables make the model (2.0.1 part 1 section 4). One is the declaration of the settings: each
line names its variable, and has the type, the limits and the access. The other one, `table`, has
what is measured or fitted. Both are text that is searched. A variable is made of its line when it
is asked for, so a report of all of them takes no memory but that of one.

The names of components and variables are those of the appendices of 2.0.1 and 2.1. Spellings that
settings and variables do not share are translated here, see `_spelling`.
"""

from station import declarations

from . import readings
from .table import MONITORED, NEEDS, TABLE

# The module `network` where a request is about slots or all variables (2.1); see variables.loaded.
more = None

# Items of one request; DeviceDataCtrlr.ItemsPerMessage says so.
MOST = 8
MOST_REPORTED = 4  # of GetReport, which keeps them until the report is over

_DATA_TYPES = (
    "\nb boolean\no boolean\ni integer\nd decimal\nt dateTime\nO OptionList\ne OptionList\n"
    "q SequenceList\nv SequenceList\nm MemberList\np MemberList\nc MemberList\nx MemberList\n"
)


class Variable:
    """One variable of one component, made of its line.

    evse, connector: numbers, None for a component of the station. setting: its name, None for
    what is measured. access: "r", "w" or "rw". part: instance of the component.
    """

    part = ""

    # fmt: off
    def __init__(self, point, component, name, instance, kind, unit, limits, evse=None,
                 connector=None, setting=None, source=""):
        # fmt: on
        self.component, self.name, self.instance = component, name, instance
        self.evse, self.connector = evse, connector
        self.kind, self.unit, self.limits = kind, unit, limits
        self.setting, self._source, self._point = setting, source, point
        self.access = point.settings.variable_access(setting) if setting else "r"

    def value(self):
        """As text; None while it is not known, and of what is never shown."""
        if self.access == "w":
            return None
        if self.setting:
            return _spelling(self.setting, self._point.settings.text(self.setting))
        if self._source[:1] == "!":
            return readings.faulted(self._point, self.evse, self._source[1:].split(" "))
        return self._read(self._source)

    def set(self, text):
        """Set it: "accepted", "reboot", or "rejected" and a ReasonCode of the appendices, with a
        sentence: (word, code, sentence)."""
        settings = self._point.settings
        if not self.setting or "w" not in self.access:
            return "rejected", "ReadOnly", ""
        answer = settings.set(self.setting, text, access=self.access)
        if answer in ("accepted", "reboot"):
            return answer, "", ""
        # The sentence begins with the setting, whose name a central system of 2.x does not know.
        sentence = settings.reason.replace(self.setting, self.component + "." + self.name)
        return "rejected", "ReadOnly" if answer == "readonly" else "InvalidValue", sentence

    def _read(self, text):
        if text[:1] == "@":
            return readings.read(text[1:], self._point, self.evse)
        return text

    def characteristics(self):
        """VariableCharacteristicsType. A list always says of what (B07, B08)."""
        at = _DATA_TYPES.find("\n%s " % self.kind)
        data_type = "string" if at < 0 else _DATA_TYPES[at + 3 : _DATA_TYPES.find("\n", at + 1)]
        watched = "\n%s.%s\n" % (self.component, self.name) in MONITORED
        out = {"dataType": data_type, "supportsMonitoring": watched}
        if self.unit:
            out["unit"] = self.unit
        if self.unit == "Percent":
            out["dataType"] = "decimal"  # of which whole ones are taken
        least, dots, most = self.limits.partition("..")
        if data_type[-4:] == "List":
            words = self._words()
            out["valuesList"] = ",".join(words)
            if self.kind in "me":
                out["maxLimit"] = len(words)
        elif dots:
            if self.kind in "id":
                out["minLimit"] = int(self._read(least))
            out["maxLimit"] = int(self._read(most))
        elif self.limits and self.kind == "s":
            out["maxLimit"] = int(self.limits)
        return out

    def _words(self):
        """The words that a list may have."""
        if not self.setting or self.kind in "qevx":
            return self.limits.split(",")
        if self.kind == "m":
            return self._point.settings.measurands
        return (self.value() or "").split(",")

    def names(self):
        """(ComponentType, VariableType)."""
        component, variable = {"name": self.component}, {"name": self.name}
        if self.evse:
            component["evse"] = {"id": self.evse}
            if self.connector:
                component["evse"]["connectorId"] = self.connector
        if self.instance:
            variable["instance"] = self.instance
        return component, variable


def _spelling(setting, text):
    """A value as variables spell it. Only this one differs, and it cannot be set."""
    if setting == "ChargingScheduleAllowedChargingRateUnit":
        return text.replace("Current", "A").replace("Power", "W")
    return text


def each(point):
    """Iterate all variables: those of the station, then those of each EVSE."""
    at = 1
    while at < len(TABLE):
        end = TABLE.index("\n", at)
        for variable in _measured(point, TABLE[at:end]):
            yield variable
        at = end + 1
    for name in point.settings.declared():
        variable = _of_setting(point, declarations.fields(name))
        if variable:
            yield variable
    if more:
        for variable in more.each(point):
            yield variable


def _measured(point, line):
    """The variables of a line of TABLE: one, or one for each EVSE."""
    component, name, instance, where, kind, unit, limits, source, only = line.split("|")
    numbers = range(1, len(point.station.connectors) + 1) if where else (None,)
    for number in numbers:
        if not only or readings.there(point, number, only):
            yield Variable(
                point, component, name, instance, kind, unit, limits,
                number, 1 if where == "c" else None, None, source,
            )  # fmt: skip


def _of_setting(point, fields):
    """The variable of a declared setting, None if it has none here."""
    setting, full, kind, _, limits, _, unit = fields
    if not full or not point.settings.variable_access(setting):
        return None
    component, _, name = full.partition(".")
    at = NEEDS.find("\n%s|" % component) + len(component) + 2
    if at > len(component) + 1:
        if not readings.there(point, None, NEEDS[at : NEEDS.find("\n", at)]):
            return None
    name, _, instance = name.partition("[")
    return Variable(
        point, component, name, instance.rstrip("]"), kind, unit, limits, None, None, setting
    )


def find(point, component, variable):
    """The Variable that a ComponentType and a VariableType name. None if the component has none
    of that name or instance, False if there is no such component."""
    for exact in (True, False):
        # Without regard to case (part 1 section 4): rarely needed, and a look at each line.
        found = _find(point, component, variable, exact)
        if found:
            return found
    return found


def spelled(point, component, name):
    """The Variable `name` without an instance, both names in their spelling; None without."""
    for one in _exact(point, component["name"], name, ""):
        if _at(one, component):
            return one
    return None


def _find(point, component, variable, exact):
    wanted, name = component["name"], variable["name"]
    instance = variable.get("instance", "")
    if "|" in wanted + name + instance or "\n" in wanted + name + instance:
        return False
    if exact:
        lines = _exact(point, wanted, name, instance)
    else:
        wanted, name, instance = wanted.lower(), name.lower(), instance.lower()
        lines = each(point)
    found = False
    for one in lines:
        if exact or one.component.lower() == wanted and _at(one, component):
            found = found or None
            if exact or one.name.lower() == name and one.instance.lower() == instance:
                if _at(one, component):
                    return one
    return found


def _exact(point, component, name, instance):
    """The variables of this spelling."""
    at = TABLE.find("\n%s|%s|%s|" % (component, name, instance)) + 1
    if at:
        for one in _measured(point, TABLE[at : TABLE.index("\n", at)]):
            yield one
    full = "|%s.%s%s|" % (component, name, "[%s]" % instance if instance else "")
    at = declarations.BLOB.find(full)
    if at >= 0:
        start = declarations.BLOB.rfind("\n", 0, at) + 1
        line = declarations.BLOB[start : declarations.BLOB.index("\n", at)]
        one = _of_setting(point, line.split("|"))
        if one:
            yield one
    if more:
        for one in more.each(point):
            if one.component == component and one.name == name and not instance:
                yield one


def _at(one, component):
    """True if the place and the instance of a ComponentType are those of the variable."""
    place = component.get("evse") or {}
    return (
        place.get("id") == one.evse
        and place.get("connectorId") == one.connector
        and component.get("instance", "") == one.part
    )
