# Factory reset of the whole charger: nothing personal and no key is left on the flash.
# MIT license; part of microevse

import pytest
from bench import scenario
from factory_reset_cut import CARD, OK, PASSWORD, SECRETS, cut, erased, personal, post, used


@scenario
async def test_a_factory_reset_leaves_nothing_of_a_person_and_no_key(b):
    b.allow_violations = True  # it begins to count its messages anew
    await used(b)
    assert set(personal(b)) == {*SECRETS.values(), CARD, "LISTCARD"}
    status, _ = await post(b, "factory_reset", {})
    assert status == 400
    boots = b.twin.boots
    status, said = await post(b, "factory_reset", OK)
    assert status == 200 and "erases everything" in said
    await erased(b)
    assert personal(b) == []
    await b.until(lambda: b.twin.boots >= boots + 2, 60, "the start after it")
    await b.advance(20)
    assert personal(b) == []
    assert (b.twin.data / "vfs" / "board.json").exists()


@scenario
async def test_a_factory_reset_is_refused_while_a_session_runs(b):
    await b.boot()
    await b.do("set", key="WebPassword", value=PASSWORD)
    await b.charging(CARD)
    boots = b.twin.boots
    status, said = await post(b, "factory_reset", OK)
    assert status == 200 and "Not while a car" in said
    await b.advance(10)
    assert b.twin.boots == boots and (await b.status())["contactor"] is True
    await b.tap(CARD)
    await b.contactor(False, 30)


@pytest.mark.parametrize("operation", (1, 33, 70))
def test_a_factory_reset_goes_on_after_a_power_cut(operation):
    """`make bench ARGS=factory_reset` cuts every operation."""
    assert cut(operation)
