# SetDefaultTariff, GetTariffs, ClearTariffs, ChangeTransactionTariff, and the tariff of a card.
# MIT license; part of microevse
"""Tariffs with which the station calculates (2.1 part 2, I07 to I11). The station keeps them."""

from evse_base import before_import, iso8601, log, release
from ocppj.messages import CallError

from .names import ACCEPTED, refused


async def _parts(point):
    """(module tariff_forms, station.costs.Costs), loaded for one request."""
    await before_import()
    from . import tariff_forms

    release("ocpp2.tariff_forms")
    if point.costs is None:
        await before_import()
        from . import bills

        if point.costs is None:
            bills.start(point, True)
    return tariff_forms, point.costs


async def set_default_tariff(point, payload):
    """SetDefaultTariff (I07)."""
    if not point.settings.get("TariffEnabled"):
        raise CallError("NotSupported", "TariffCostCtrlr.Enabled[Tariff] is false")
    number = payload["evseId"]
    if number and point.station.connector(number) is None:
        return refused("UnknownEvse")
    forms, costs = await _parts(point)
    try:
        rates = forms.read(point, payload["tariff"], True)
    except forms.NotHere as exc:
        return exc.answer()
    connectors = [number] if number else [one.id for one in point.station.connectors]
    used = [use[0] for use in costs.in_use() if use[2] == "default"]
    answer = "known" if rates[0] in used else costs.defaults.put(connectors, rates)
    if answer == "known":
        return {"status": "DuplicateTariffId"}
    if answer == "kept":
        return ACCEPTED
    return refused("TooLargeElement" if answer == "large" else "OutOfStorage")


async def get_tariffs(point, payload):
    """GetTariffs (I09): the default tariffs, and those of the sessions that run."""
    evse, costs = payload["evseId"], point.costs
    if evse and point.station.connector(evse) is None:
        return refused("UnknownEvse")
    if costs is not None:
        costs.defaults.tidy()
    found = []
    for id, connectors, valid in costs.defaults.items if costs else ():
        if not evse or evse in connectors:
            here = [number for number in connectors if evse in (0, number)]
            one = {"tariffId": id, "tariffKind": "DefaultTariff", "evseIds": here}
            if valid is not None:
                one["validFrom"] = iso8601.format(valid)
            found.append(one)
    for id, connector, kind, token in costs.in_use() if costs else ():
        if evse in (0, connector):
            _use(found, id, connector, kind, token)
    return {"status": "Accepted", "tariffAssignments": found} if found else {"status": "NoTariff"}


def _use(found, id, connector, kind, token):
    """A session that runs has this tariff."""
    kind = "DriverTariff" if kind == "driver" else "DefaultTariff"
    for one in found:
        if one["tariffId"] == id and one["tariffKind"] == kind:
            break
    else:
        one = {"tariffId": id, "tariffKind": kind, "evseIds": []}
        found.append(one)
    if connector not in one["evseIds"]:
        one["evseIds"].append(connector)
    if kind == "DriverTariff" and token not in one.get("idTokens", ()):
        one.setdefault("idTokens", []).append(token)


async def clear_tariffs(point, payload):
    """ClearTariffs (I10): default tariffs. A session keeps the one that it has."""
    costs, evse, wanted = point.costs, payload.get("evseId") or None, payload.get("tariffIds")
    results, found = [], False
    if costs is not None:
        for id in wanted or [item[0] for item in costs.defaults.items]:
            cleared = costs.defaults.clear(id, evse)
            found = found or cleared
            if cleared or wanted:
                status = "Accepted" if cleared else "NoTariff"
                results.append({"tariffId": id, "status": status})
    return {"clearTariffsResult": results if found else [{"status": "NoTariff"}]}


async def change_transaction_tariff(point, payload):
    """ChangeTransactionTariff (I11)."""
    enabled = [point.settings.get(name) for name in ("TariffEnabled", "CostEnabled")]
    if not all(enabled):
        raise CallError("NotSupported", "TariffCostCtrlr.Enabled[Tariff] or [Cost] is false")
    session = point.transactions.session_of(payload["transactionId"])
    if session is None:
        return {"status": "TxNotFound"}
    forms, costs = await _parts(point)
    try:
        rates = forms.read(point, payload["tariff"])
    except forms.NotHere as exc:
        return exc.answer()
    old = costs.rates_of(session)
    if old and old[1] != rates[1]:
        return {"status": "NoCurrencyChange"}
    answer = costs.change(session, rates)
    if answer == "kept":
        return ACCEPTED
    if answer == "none":
        return {"status": "TxNotFound"}
    return refused("TooLargeElement" if answer == "large" else "OutOfStorage")


async def of_card(point, token, kind, given, info):
    """The tariff in the answer about a token (I08): the verdict `info`, or another one where the
    token may not charge with it."""
    forms, costs = await _parts(point)
    problem, rates, settings = None, None, point.settings
    if settings.get("TariffEnabled") and settings.get("CostEnabled"):
        try:
            # Answers of a central system are not checked by the schema field by field.
            sample = {"transactionId": "0", "tariff": given}
            point.schema.check_call("ChangeTransactionTariff", sample)
            rates = forms.read(point, given)
            problem = None if costs.defaults.fits(rates) else "too large"
        except CallError as exc:
            problem = exc.description or exc.code
        except forms.NotHere as exc:
            problem = exc.args[2]
    else:
        problem = "disabled"
    if costs.problem != bool(problem):
        costs.problem = bool(problem)
        fields = {"techInfo": problem[:100]} if problem else {"cleared": True}
        word = "true" if problem else "false"
        point.events.add(4, "Alerting", "TariffCostCtrlr.Problem", 0, word, **fields)
        point.wake()
    if not problem:
        costs.card(token, kind, rates)
        return info
    log.warn("ocpp", "tariff of a card cannot be followed: %s", problem)
    how = settings.text("HandleFailedTariff")
    if how == "CentralCost":
        costs.card(token, kind, None)
    if how == "Deauthorize":
        return {"status": "invalid", "expiry": None, "parent": None, "own": True}
    return info
