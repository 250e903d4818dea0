# Telling what the security log has for the central system.
# MIT license; part of microevse
"""One word about a log that is sent, or else the oldest event that has to be told. Whoever tells
has two numbers: `tell_ms`, the uptime from which it may tell the next event, and `refusals`, how
often the event that is next was refused, None: the central system does not know them. Both are 0
when a connection begins. Loaded for one message.
"""

from evse_base import before_import, const, release

from . import security_log

_RETRY_S = const(60)
_PAUSE_S = const(1)  # between two events
# One event is given up after so many refusals: the next ones have their turn.
_REFUSALS = const(3)


async def tell(teller, messages, own="", kept=""):
    """Send one message. teller: has the two numbers, `clock`, and `call` for the messages.

    messages: has send_event and send_log_word as ocppj.security_messages; own: goes to the first
    one. kept: kinds that are not told, spaces between. Raises what these raise.
    """
    upload = security_log.upload
    if upload and upload.news:
        word = upload.news[0]
        await messages.send_log_word(teller.call, word, upload.number)
        upload.told(word)
        return
    # Until it has worked: a central system that does not answer must not be asked all the time.
    now = teller.clock.uptime_ms()
    teller.tell_ms = now + 1000 * _RETRY_S
    await before_import()
    from . import security_book

    release("station.security_book")
    await before_import()  # else both would be one stall
    from store import seclog  # noqa: F401

    found = security_book.next_untold(teller.clock)
    if not found:
        if security_log.untold is None:
            teller.tell_ms = now  # all are told: the next one need not wait
        return
    number, wall, kind, info = found
    pause_s = 0
    if kind not in kept.split(" "):
        wall = wall or teller.clock.now()
        if not wall:
            return  # the message must have a time: it waits until one is known
        done = await messages.send_event(teller.call, (wall, kind, info), own)
        if done is None:
            teller.refusals = None
            return
        if not done:
            teller.refusals += 1
            if teller.refusals < _REFUSALS:
                return
        pause_s = _PAUSE_S
    teller.refusals = 0
    if security_book.told(number):
        teller.tell_ms = teller.clock.uptime_ms() + 1000 * pause_s
