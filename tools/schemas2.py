# The tables of OCPP 2.0.1 and of what 2.1 has otherwise, for tools/schemas.py.
# MIT license; part of microevse
"""One table for 2.0.1, and the lines in which 2.1 differs. The reader looks into those first.

Types are shared by the names that the official schemas give them. A line of 2.0.1 that names a
type means the type of 2.1 on a 2.1 connection, so a message needs a line of its own in the second
table only where its own fields differ. Which types get a line is decided by trial: the ones that
make both tables together shorter.
"""

import pathlib
import re

import schemas

LIB = pathlib.Path(__file__).resolve().parent.parent / "lib" / "ocpp2"

# What a CSMS may send to an AC station (2.0.1 and 2.1 part 2, messages).
CALLS = (
    "CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile "
    "ClearDisplayMessage ClearVariableMonitoring CostUpdated CustomerInformation DataTransfer "
    "DeleteCertificate GetBaseReport GetChargingProfiles GetCompositeSchedule GetDisplayMessages "
    "GetInstalledCertificateIds GetLocalListVersion GetLog GetMonitoringReport GetReport "
    "GetTransactionStatus GetVariables InstallCertificate RequestStartTransaction "
    "RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage "
    "SetMonitoringBase SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables "
    "TriggerMessage UnlockConnector UpdateFirmware"
).split()
MORE_CALLS = (
    "AdjustPeriodicEventStream ChangeTransactionTariff ClearTariffs GetPeriodicEventStream "
    "GetTariffs SetDefaultTariff UpdateDynamicSchedule UsePriorityCharging"
).split()
# ... and what it answers.
RESULTS = (
    "Authorize BootNotification ClearedChargingLimit DataTransfer FirmwareStatusNotification "
    "Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation "
    "NotifyDisplayMessages NotifyEvent NotifyMonitoringReport NotifyReport ReportChargingProfiles "
    "ReservationStatusUpdate SecurityEventNotification SignCertificate StatusNotification "
    "TransactionEvent"
).split()
MORE_RESULTS = (
    "ClosePeriodicEventStream NotifyPriorityCharging OpenPeriodicEventStream "
    "PullDynamicScheduleUpdate"
).split()

# Actions for what no AC station of this firmware is: a local controller that spreads firmware,
# and, in 2.1, V2X, DER, battery swap and payment by a web page. They are answered with
# NotSupported.
OTHERS = "PublishFirmware UnpublishFirmware".split()
MORE_OTHERS = (
    "AFRRSignal ClearDERControl GetDERControl NotifyAllowedEnergyTransfer NotifyWebPaymentStarted "
    "RequestBatterySwap SetDERControl"
).split()

# Answers whose fields are left to the adapter, as in 1.6.
ADAPTER = "Authorize BootNotification TransactionEvent".split()

# Enumerations that are left to the handler: its answer has a status of its own for a word that it
# does not know, and a central system may have more words than a version of the schema.
OPEN_WORDS = {
    "GetMonitoringReportRequest": ("monitoringCriteria",),
    "GetReportRequest": ("componentCriteria",),
    "SetMonitoringBaseRequest": ("monitoringBase",),
    "MessageInfoType": ("priority", "state"),
}
OPEN_SIZE = 50

# 2.0.1 part 4 table 8, section 4.1.3.
DIALECT = {
    "!count": "OccurrenceConstraintViolation",
    "!form": "FormatViolation",
    "!frame": "RpcFrameworkError",
    "!type": "MessageTypeNotSupported",
}
TYPES = {"v201": "234", "v21": "23456"}

CUSTOM = "CustomDataType"
DOC = "OCPP 2.0.1 messages a central system sends, as text (format: tools/schemas.py)."
DOC_21 = "Lines that OCPP 2.1 has otherwise than 2.0.1, or in addition (format: tools/schemas.py)."
# One character for as many shared types as there are: they are searched for in the whole table.
CODES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def opened(name, schema):
    """The schema of a message with any word in place of its OPEN_WORDS."""
    for place, fields in OPEN_WORDS.items():
        of = schema if place == name else schema.get("definitions", {}).get(place)
        if of is None or place != name and name != "SetDisplayMessageRequest":
            continue
        for field in fields:
            node = of["properties"][field]
            node = node.get("items", node)
            node.clear()
            node.update(type="string", maxLength=OPEN_SIZE)
    return schema


class Version:
    """The lines of one version, each with `@Name` where the official schema refers to a type."""

    def __init__(self, version, calls, results, adapter=ADAPTER, others=()):
        self.lines = {}
        self.types = {}
        self.custom = None
        for name in calls:
            self.lines["<" + name] = self._message(version, name + "Request")
        for name in results:
            text = "" if name in adapter else self._message(version, name + "Response")
            self.lines[">" + name] = text
        self.dialect = dict(DIALECT)
        self.dialect["!custom"] = self.custom
        self.dialect["!types"] = TYPES[version]
        self.dialect["!others"] = "|%s|" % "|".join(sorted(others))

    def _message(self, version, name):
        schema = opened(name, schemas.load(name, version))
        try:
            return schemas.type_text(schema, schema, self._refer)[1:-1]
        except (ValueError, KeyError) as exc:
            raise SystemExit("%s/%s.json: %s" % (version, name, exc)) from None

    def _refer(self, name, root):
        schema = root["definitions"][name]
        if name == CUSTOM:
            # The one object that allows unknown fields: the reader does, too.
            schema = dict(schema, additionalProperties=False)
            self._same(name, schemas.type_text(schema, root, self._refer))
            self.custom = self.types[name][1:-1]
            return ""
        if "enum" in schema:
            # The two versions list the same words in different orders.
            schema = dict(schema, enum=sorted(schema["enum"]))
        self._same(name, schemas.type_text(schema, root, self._refer))
        return "@" + name

    def _same(self, name, text):
        if self.types.setdefault(name, text) != text:
            raise ValueError("two types are called %s" % name)

    def expanded(self, shared):
        """{key: text} with `@Name` left only for types in `shared`, which have lines."""
        types = {}

        def inner(found):
            name = found.group(1)
            if name in shared:
                whole(name)
                return found.group()
            return whole(name)

        def whole(name):
            if name not in types:
                types[name] = re.sub(r"@(\w+)", inner, self.types[name])
            return types[name]

        lines = {key: re.sub(r"@(\w+)", inner, text) for key, text in self.lines.items()}
        lines.update({"@" + name: text for name, text in types.items() if name in shared})
        lines.update(self.dialect)
        return lines


def text_of(lines):
    """A table as one string: newline before and after every line.

    The shared types come first, the most used of them at the front: a search begins there.
    """
    order = sorted(lines, key=lambda key: (key[0] != "@", key))
    return "\n" + "".join("%s %s\n" % (key, lines[key]) for key in order)


def coded(shared, *parts):
    """`parts` with a code in place of each name in `shared`, the shortest for the most used."""
    whole = "".join(map(text_of, parts))
    uses = {name: len(re.findall("@%s\\b" % name, whole)) for name in shared}
    order = sorted((name for name in shared if uses[name]), key=lambda name: (-uses[name], name))
    double = [a + b for a in CODES for b in CODES]
    codes = dict(zip(order, list(CODES) + double))

    def short(text):
        return re.sub(r"@(\w+)", lambda found: "@" + codes[found.group(1)], text)

    return [{short(key): short(text) for key, text in lines.items()} for lines in parts]


def difference(old, new):
    """The lines to look into first, so that `old` with them is `new`."""
    gone = [key for key in old if key not in new and key[0] != "@"]
    if gone:
        raise SystemExit("2.1 has no longer: %s" % ", ".join(gone))
    return {key: text for key, text in new.items() if old.get(key) != text}


def pair(first, second):
    """Texts of the table of `first` and of what `second` has otherwise, as short as was found."""

    def lines(shared):
        old, new = first.expanded(shared), second.expanded(shared)
        return old, difference(old, new)

    def cost(shared):
        # A name counts as one character, which is what most of them get.
        return sum(len(re.sub(r"@\w+", "@x", text_of(part))) for part in lines(shared))

    names = sorted(set(first.types) | set(second.types))
    shared = {name for name in names if name != CUSTOM}
    best = cost(shared)
    while True:
        before = best
        for name in names:
            if name == CUSTOM:
                continue
            trial = shared ^ {name}
            size = cost(trial)
            # Of two that cost the same, the one with fewer types: they are searched for.
            if size < best or size == best and name in shared:
                shared, best = trial, size
        if best == before:
            break
    return tuple(map(text_of, coded(shared, *lines(shared))))


def tables():
    """[(path, text, docstring, name of the constant)]."""
    first = Version("v201", CALLS, RESULTS, others=OTHERS)
    second = Version(
        "v21", CALLS + MORE_CALLS, RESULTS + MORE_RESULTS, others=OTHERS + MORE_OTHERS
    )
    table, delta = pair(first, second)
    return [
        (LIB / "schemas.py", table, DOC, "TABLE"),
        (LIB / "schemas21.py", delta, DOC_21, "DELTA"),
    ]
