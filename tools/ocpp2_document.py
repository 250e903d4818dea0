# Text of docs/ocpp2.md: what the charger has of OCPP 2.0.1 and 2.1.
# MIT license; part of microevse
"""Made from the tables of messages, the handlers and calls in lib/ocpp2, the certification cases
and the names of the tests. `documents.py` writes it."""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"
sys.path.append(str(ROOT / "host_tests" / "support"))
import certification  # noqa: E402

# Functional blocks of part 2 and the actions of each.
BLOCKS = """
A Security: CertificateSigned SecurityEventNotification SignCertificate
B Provisioning: BootNotification GetBaseReport GetReport GetVariables Heartbeat NotifyReport Reset
    SetNetworkProfile SetVariables
C Authorization: Authorize ClearCache NotifySettlement NotifyWebPaymentStarted VatNumberValidation
D Local list: GetLocalListVersion SendLocalList
E Transactions: GetTransactionStatus TransactionEvent
F Remote control: RequestStartTransaction RequestStopTransaction TriggerMessage UnlockConnector
G Availability: ChangeAvailability StatusNotification
H Reservation: CancelReservation ReservationStatusUpdate ReserveNow
I Tariff and cost: ChangeTransactionTariff ClearTariffs CostUpdated GetTariffs SetDefaultTariff
J Meter values: MeterValues
K Smart charging: ClearChargingProfile ClearedChargingLimit GetChargingProfiles
    GetCompositeSchedule NotifyChargingLimit NotifyEVChargingNeeds NotifyEVChargingSchedule
    NotifyPriorityCharging PullDynamicScheduleUpdate ReportChargingProfiles SetChargingProfile
    UpdateDynamicSchedule UsePriorityCharging
L Firmware: FirmwareStatusNotification PublishFirmware PublishFirmwareStatusNotification
    UnpublishFirmware UpdateFirmware
M Certificates: DeleteCertificate Get15118EVCertificate GetCertificateChainStatus
    GetCertificateStatus GetInstalledCertificateIds InstallCertificate
N Diagnostics: AdjustPeriodicEventStream ClearVariableMonitoring ClosePeriodicEventStream
    CustomerInformation GetLog GetMonitoringReport GetPeriodicEventStream LogStatusNotification
    NotifyCustomerInformation NotifyEvent NotifyMonitoringReport NotifyPeriodicEventStream
    OpenPeriodicEventStream SetMonitoringBase SetMonitoringLevel SetVariableMonitoring
O Display: ClearDisplayMessage GetDisplayMessages NotifyDisplayMessages SetDisplayMessage
P Data transfer: DataTransfer
Q Bidirectional power: AFRRSignal NotifyAllowedEnergyTransfer
R DER control: ClearDERControl GetDERControl NotifyDERAlarm NotifyDERStartStop ReportDERControl
    SetDERControl
S Battery swap: BatterySwap RequestBatterySwap
"""

HEAD = """# OCPP 2.0.1 and 2.1: what is there

<!-- Made by `make docs`: do not edit. -->

Edition 2 of 2.0.1 and edition 1 of 2.1, as JSON over a WebSocket. The setting `OcppVersions` says
which versions are offered (1.6 alone, where it is not set); the central system chooses. A charger
with the base image, or with everything frozen, has them. One with MicroPython's own image has 1.6
alone ([flashing.md](flashing.md#flash)). To try them without hardware: `make run OCPP=2.0.1`, or
`tools/simulate.py --ocpp 2.1` with the [other options](../README.md#connect-a-central-system) for
your own central system.

This page tells what is there *today*: what has "no" is answered with the error NotSupported, or
never sent. A message of 2.1 on a connection of 2.0.1 is answered with NotImplemented. In the named
set ([ocpp16.md](ocpp16.md) says what that is) ReserveNow and UpdateFirmware are Rejected, with the
reason NotEnabled. `make test` runs the certification cases below; which of them passed is in
`build/conformance201.tsv` after it.

## Start and stop points

`TxStartPoint` and `TxStopPoint` take EVConnected, Authorized, PowerPathClosed and EnergyTransfer,
in any combination. They say what is *told*; the contactor closes as ever, with cable,
authorization and every check. 1.6 and the default (PowerPathClosed; EVConnected, Authorized) have
one transaction for each session. To try others without hardware, give `tools/simulate.py` the
options `--set TxStartPoint=Authorized --set TxStopPoint=EVConnected`. What other points mean here:

- *Begin*: with EVConnected or Authorized before the session; with EnergyTransfer alone at the
  first energy: a session without any is not told. A token that is refused, forgotten (no cable in
  EVConnectionTimeOut) or withdrawn ends its transaction, with 0 Wh; so does a cable that goes. A
  car whose transaction has ended begins another one with a token or a new cable only.
- *End*: Authorized and PowerPathClosed at the stop. EVConnected alone: the transaction goes on
  without power until the cable goes, a card begins the next one, or the charger restarts.
  EnergyTransfer: each pause, of the car or of the charger, ends transaction *and* session; the
  standard advises against it. Authorized alone with StopTxOnEVSideDisconnect false: a cable that
  was pulled has EVConnectionTimeOut to come back.
- A fault that ends sessions ends an open transaction, too. A power cut ends it with PowerLoss. A
  Reset OnIdle waits for it. A reservation is used by the token, not by the cable.
- *1.6 in between*: it is told start and end of each session with its token, as ever, and nothing
  of a transaction without power. The end of one whose begin 2.x was told waits for 2.x; energy
  that 1.6 was told is not in it. What 2.x was not told to begin is not told to end.

## Network profiles

SetNetworkProfile writes slots 2 and 3, `NetworkConfigurationPriority` says in which order slots
are tried, and a Reset makes it so. Slot 1 is the owner's.
[network.md](network.md#several-central-systems) has the rules: when the next slot is tried, the
way back, and the security profile.

## Limits and tariffs

These are of 2.1 alone.

- *Limits of a transaction*: `maxEnergy` (Wh), `maxTime` (s), `maxCost`. The central system sends
  them in its answer to a TransactionEvent. A driver sets them while a session runs, with the
  password of the page:

      curl -u admin:PASSWORD -H 'Content-Type: application/json' \\
          -d '{"maxEnergy": 5000}' http://ADDRESS/api/v1/cmd/limit

  The page itself has no field for it. Of two limits the lower one counts. A limit that is reached
  pauses the car; a higher one lets it charge on. With `TxStopPoint` EnergyTransfer it ends the
  session. `maxEnergy` needs a meter. `maxSoC` is left out: over the pilot no car tells it.
- *Tariffs*: SetDefaultTariff gives one to the station or to an EVSE. The answer to Authorize gives
  one to a driver. ChangeTransactionTariff changes that of a session. The charger calculates the
  cost, and tells it every `CostInterval` and at the end. Without a tariff the central system can
  tell the cost, in 2.0.1, too (CostUpdated). [settings.md](settings.md) has the settings:
  `TariffEnabled`, `CostEnabled` and those beside them.
- *Not there*: resuming a transaction after a restart. ImmediateAndResume is Rejected while a
  session runs. The six cases of 2.1 without a test are about that.

## Certification cases by profile

A test has the name of its case. *2.1*: cases that only 2.1 has.

*Not applicable*: what the case is about is not here; the table of the cases says why.

| profile | cases | with a test | not applicable | |
|---|---|---|---|---|"""

CALLS = """
## Messages from the central system

| action | block | version | there | in `lib/ocpp2/` |
|---|---|---|---|---|"""

SCHEMAS = """The schemas are text: %d bytes for the %d messages of 1.6 that are checked, %d for %d
of 2.0.1, and %d for the %d that 2.1 has otherwise or in addition. A message is checked against its
own line, in place. In the base image and the frozen one none of it is copied to the heap."""

SENT = """
## Messages to the central system

| action | block | version | sent | in `lib/ocpp2/` |
|---|---|---|---|---|"""

CASES = """
## Certification cases

Each case is a test of its name: `make test ARGS='-k TC_B_06_CS'`. "-": there is no test, so
nothing is claimed.

| case | profile | title | test file |
|---|---|---|---|"""


def blocks():
    """{action: block}."""
    found = {}
    for line in BLOCKS.replace("\n    ", " ").strip().split("\n"):
        block, actions = line.split(":")
        for action in actions.split():
            found[action] = block
    return found


def checked():
    """({action: version} that a central system may send, the same of what it answers): those of
    the tables of messages. version: the first one that has it."""
    calls, answers = {}, {}
    for name, version in (("schemas.py", "2.0.1"), ("schemas21.py", "2.1")):
        table = (LIB / "ocpp2" / name).read_text(encoding="utf-8")
        for action in re.findall(r'b"<(\w+)', table):
            calls.setdefault(action, version)
        for action in re.findall(r'b">(\w+)', table):
            answers.setdefault(action, version)
    answers["NotifyPeriodicEventStream"] = "2.1"  # it has no answer, so no table has it
    return calls, answers


def handled():
    """{action: module} of lib/ocpp2/actions.py."""
    tree = ast.parse((LIB / "ocpp2" / "actions.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ACTIONS":
            for line in ast.literal_eval(node.value).split("\n"):
                action, _, place = line.partition(" ")
                if place:
                    found[action] = place.split(".")[0] + ".py"
    return found


def sent(texts):
    """{action: module}. texts: gives the words of all texts of a file, see documents.py."""
    found = {}
    for folder in ("ocpp2", "ocppj"):
        for path in sorted((LIB / folder).glob("*.py")):
            if path.name in ("schemas.py", "schemas21.py", "names.py", "actions.py", "trigger.py"):
                continue
            words = set(texts(path))
            for action in checked()[1]:
                if action in words:
                    place = path.name if folder == "ocpp2" else "../ocppj/" + path.name
                    found.setdefault(action, place)
    return found


def _rows(actions, there):
    of = blocks()
    for action in sorted(actions, key=lambda action: (of[action][0], action)):
        place = there.get(action)
        yield "| %s | %s | %s | %s | %s |" % (
            action, of[action], actions[action], "yes" if place else "no",
            "`%s`" % place if place else "-",
        )  # fmt: skip


def _lengths():
    """[(bytes, messages) of the table of 1.6, of 2.0.1, and of what 2.1 changes or adds]."""
    for place in ("ocpp16/schemas.py", "ocpp2/schemas.py", "ocpp2/schemas21.py"):
        tree = ast.parse((LIB / place).read_text(encoding="utf-8"))
        (text,) = [ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)]
        yield len(text), len(re.findall(rb"^[<>]\w", text, re.M))


def page(texts):
    """Text of docs/ocpp2.md."""
    calls, answers = checked()
    listed = certification.case_list("201")
    tests = certification.with_tests("201")
    reasons = certification.not_applicable("201")
    out = [HEAD]
    for profile in dict.fromkeys(row[1] for row in listed):
        mine = [row[0] for row in listed if row[1] == profile]
        other = len([case for case in mine if case in reasons])
        done = len([case for case in mine if case in tests]) - other
        note = certification.NOT_HERE.get(profile, "")
        other = len(mine) if note else other
        out.append("| %s | %d | %d | %d | %s |" % (profile, len(mine), done, other, note))
    out.append(CALLS)
    out += _rows(calls, handled())
    out.append(SENT)
    out += _rows(answers, sent(texts))
    others = sorted(set(blocks()) - set(calls) - set(answers))
    out += ["", "No use for them here: %s." % ", ".join(others)]
    out += ["", SCHEMAS % sum(_lengths(), ())]
    out.append(CASES)
    for case, profile, title in listed:
        place = "`%s`" % tests[case] if case in tests else "-"
        if case in reasons:
            place = "not applicable: " + reasons[case]
        out.append("| %s | %s | %s | %s |" % (case, profile, title, place))
    return "\n".join(out) + "\n"
