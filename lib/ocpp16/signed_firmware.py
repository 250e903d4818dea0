# SignedUpdateFirmware: an update that the manufacturer has signed.
# MIT license; part of microevse
"""The message of the security whitepaper (edition 3) into a call to the station; the words about
it are told by firmware.py."""

from evse_base import before_import, release
from ocppj.messages import CallError


async def signed_update_firmware(point, payload):
    """Handler of SignedUpdateFirmware."""
    if point.firmware is None:
        raise CallError("NotSupported", "not offered")
    jobs = point.firmware.jobs
    await before_import()
    from ocppj import file_messages

    release("ocppj.file_messages")
    wanted = await file_messages.update_wanted(payload)
    await jobs.prepare()
    await before_import()
    from station import signed_update

    release("station.signed_update")
    word = await signed_update.request(jobs, *wanted)
    return file_messages.update_status(word), jobs.wake
