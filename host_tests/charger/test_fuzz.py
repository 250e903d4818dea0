# Hypothesis against the charger: frames and payloads of every action, right, nearly right, wrong.
# MIT license; part of microevse
"""In process: the real Rpc, handlers, station and journal, with a car that asks for energy and
a card that was just shown. Over the wire: the same frames against the whole firmware.

For every input: no exception escapes, each CALL has at most one answer and that is a message, and
the contactor closes only after a valid start: RemoteStartTransaction answered with Accepted, a
card that the central system accepted, or the owner's free mode.

FUZZ_EXAMPLES sets the number of examples in process (`fuzz(n)` does it for the bench).
"""

import sys

import fuzzing2
from bench import scenario
from fuzzing import BENCH_EXAMPLES, EXAMPLES, WIRE_EXAMPLES, collected, fuzz, unreached


def test_frames_and_payloads_of_every_action():
    fuzz(EXAMPLES)
    # A strategy that no longer makes valid payloads would pass for ever. The bench, with forty
    # times the examples, must carry out every action.
    assert len(unreached()) < 4, f"never answered: {unreached()}"


def test_frames_and_payloads_of_every_action_of_2_x():
    """Half against 2.1, half against 2.0.1. The bench has a hundred times the examples."""
    fuzzing2.fuzz(EXAMPLES * 2 // 5)


@scenario
async def test_the_same_over_the_wire(b):
    await b.boot(StopTransactionOnEVSideDisconnect=True)
    await b.do("plug")
    await b.do("request")
    await b.advance(3)
    texts = collected(WIRE_EXAMPLES)
    given_ids = set()
    for text in texts:
        # This test is not about valid starts; resets and other addresses would end the run.
        if any(word in text for word in ("RemoteStart", "FreeMode", "Reset", "UpdateFirmware")):
            continue
        try:
            text.encode()
        except UnicodeEncodeError:
            continue  # no WebSocket could carry it
        if b.csms.wire is None:
            await b.until(lambda: b.csms.wire, 120, "connected")
        b.csms.send_raw(text)
        await b.advance(0.2)
        given_ids.add(text)
    await b.advance(5)
    closed = [e for e in b.twin.events if e["event"] == "contactor" and e["value"]]
    assert not closed, f"the contactor closed: {closed}"
    await b.until(lambda: b.csms.wire, 120, "connected")
    answer = await b.call("GetConfiguration", {"key": ["NumberOfConnectors"]})
    assert answer["configurationKey"][0]["value"] == "1"
    assert len(given_ids) > WIRE_EXAMPLES / 2
    # Answers to frames that the CSMS's book does not have, as they are sent below it.
    b.csms.violations[:] = [v for v in b.csms.violations if "nobody asked" not in v]


if __name__ == "__main__":
    fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else BENCH_EXAMPLES)
