# UpdateFirmware and FirmwareStatusNotification of OCPP 2.x.
# MIT license; part of microevse
"""Block L into calls to the station: L01, an update that the manufacturer has signed, and L02, one
that nobody has signed, which is taken only while the charger knows nobody who could have. Loaded
for one message.
"""

from evse_base import before_import, log, release
from ocppj.messages import CallError
from ocppj.registration import camel
from station.jobs import FIRMWARE, running

from .names import refused

_NAME = "FirmwareStatusNotification"


async def update_firmware(point, payload):
    """UpdateFirmware."""
    if point.jobs is None:
        return refused("NotEnabled")
    await before_import()
    from ocppj import file_messages

    release("ocppj.file_messages")
    wanted = await file_messages.update_wanted(payload)
    await point.jobs.prepare()
    await before_import()
    from station import signed_update

    release("station.signed_update")
    # L01.FR.16: that it has to wait is told.
    word = await signed_update.request(point.jobs, *wanted, tells=True)
    return file_messages.update_status(word), point.jobs.wake


async def tell(point):
    """Send the oldest word about an update; a CALLERROR drops it."""
    entry = point.jobs.news[0]
    # 1.6 has a log that is asked for without a number. 2.x has no message for it.
    if entry[0] == FIRMWARE:
        await _send(point, entry[1], entry[2] if len(entry) > 2 else None)
    point.jobs.told(entry)


async def trigger(point):
    """TriggerMessage (F06): the present status; Idle, without a number, when no update runs."""
    word, update = point.jobs.now[FIRMWARE], point.jobs.update
    if update is not None and running(word):
        await _send(point, word, update.told_number())
    else:
        await _send(point, "idle", None)


async def _send(point, word, number):
    payload = {"status": camel(word)}
    if number is not None:
        payload["requestId"] = number
    try:
        await point.call(_NAME, payload)
    except CallError as exc:
        log.warn("ocpp", "%s refused: %s", _NAME, exc.code)
