# OCPP 2.0.1: start and stop points, each of them and each pair; the certification cases of them.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv."""

import points
import pytest
from bench2 import scenario2


@pytest.mark.parametrize("offline", (False, True))
def test_every_start_point_and_every_stop_point_and_pairs_of_them(offline):
    """Exactly what the model in support/points.py says is told, online and offline."""
    combinations = list(points.rotation())

    @scenario2(kind=points.Charger)
    async def story(b):
        await b.boot()
        await b.charging()  # the card is known from now on
        await b.tap("CARD1")
        await b.leave()
        await b.advance(3)
        mark = b.mark()
        if offline:
            await b.set_points(*combinations[0][:2])
            await b.offline()
        for combination in combinations:
            await b.play(*combination)
        if offline:
            await b.online()
            count = lambda: len(b.calls("TransactionEvent", mark, eventType="Ended"))  # noqa: E731
            await b.until(lambda: count() == len(combinations), 120)
        told = points.transactions(b.calls("TransactionEvent", mark))
        assert len(told) == len(combinations)
        for events, combination in zip(told, combinations):
            wrong = points.differs(events, combination)
            assert wrong is None, f"{combination}: {wrong}"
            assert all(("offline" in event) is offline for event in events)

    story()
