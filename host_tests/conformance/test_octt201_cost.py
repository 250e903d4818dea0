# Certification cases of OCPP 2.0.1 and 2.1: cost and tariff texts (block I).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv. The display is the page:
its line is asked for over HTTP."""

import json

from bench2 import scenario2
from page_request import request


async def line(b):
    status, body = await request(b, "GET", "/api/v1/state")
    assert status == 200
    return json.loads(body)["notice"]


def personal(text):
    return {"format": "UTF8", "content": text}


@scenario2(settings={"Currency": "CHF", "TariffFallbackMessage": "Tariff: see here"})
async def test_TC_I_01_CS_and_TC_I_02_CS(b):
    """The running cost by CostUpdated, and the final one in the answer to the end."""
    await b.boot()
    b.csms.price = 250.0  # per kWh, so that a minute costs something
    entry = await b.charging()
    assert await line(b) == "Tariff: see here"
    cost = {"totalCost": 3.256, "transactionId": entry.id}
    assert await b.call("CostUpdated", cost) == {}
    assert await line(b) == "Tariff: see here | Cost so far: 3.26 CHF"
    assert await b.call("CostUpdated", dict(cost, transactionId="nobody's", totalCost=99)) == {}
    assert "3.26" in await line(b)
    await b.advance(60)
    await b.tap("CARD1")
    await b.expect_event("Ended")
    await b.advance(2)
    assert await line(b) == "Total cost: %.2f CHF" % (entry.wh / 1000 * 250)
    assert entry.wh > 0


@scenario2(version="2.1", tags={"CARD1": {"personalMessage": personal("0.40 EUR/kWh")}})
async def test_TC_I_07_CS(b):
    """The running cost and a text in the answers to TransactionEvent; the tariff of the card in
    that to Authorize. HTML is not shown."""
    await b.boot()
    await b.tap("CARD1")
    await b.expect("Authorize")
    await b.advance(1)
    assert await line(b) == "0.40 EUR/kWh"
    answer = {"totalCost": 1.5, "updatedPersonalMessage": personal("0.30 EUR/kWh")}
    b.csms.reply("TransactionEvent", answer)
    await b.do("plug")
    await b.do("request")
    await b.expect_event("Started")
    await b.advance(1)
    assert await line(b) == "0.30 EUR/kWh | Cost so far: 1.50 EUR"
    html = {"format": "HTML", "content": "<b>bold</b>"}
    b.csms.reply("TransactionEvent", {"totalCost": -0.25, "updatedPersonalMessage": html})
    await b.expect_event("Updated", "MeterValuePeriodic", within=70)
    await b.advance(1)
    assert await line(b) == "0.30 EUR/kWh | Cost so far: -0.25 EUR"
