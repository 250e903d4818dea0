# Factory reset: cards, history, keys, logs, certificates and settings are erased.
# MIT license; part of microevse
"""`request` leaves a marker in the NVS and restarts. The next start erases before anything charges
and then takes the marker away: a power cut anywhere in between starts it again. The board file,
the application, and a locked console stay."""

import os

from evse_base import log
from hal import kept, system
from hal.partition import Flash

# Whatever else a table has is the program, or nothing of a person is in it.
REGIONS = ("secrets", "lists", "seclog", "history", "model", "spare", "spare2", "journal")
_FILES = ("config.json", "config.json.new")
_ENDS = (".pem", ".crt", ".key")
# Who may sign updates: whoever has the page's password could put another program here otherwise.
_STAY = ("manufacturer.pem",)
_PATHS = ("CaFile", "ClientCertFile", "ClientKeyFile")
_PIECE = 256
_WASH = "wash"
_WASH_FILES = 96  # of 400 bytes: the directory's two blocks are each written anew


def refused(vacant):
    """Why there can be no factory reset now, "" if there can. vacant: no session runs."""
    if not vacant:
        return "Not while a car is charging."
    from hal import appslot

    try:
        if appslot.on_trial():
            return "Not while a new version is on trial."
    except (OSError, KeyError) as exc:
        return "Not now: the slot's record cannot be read (%r)." % exc
    return ""


async def request(station, vacant):
    """Begin, unless it is refused; text for a person. The chip is reset."""
    why = refused(vacant)
    if why:
        return why
    kept.mark(kept.ERASE, True)
    log.warn("reset", "factory reset: all is erased at the next start")
    await station.reset("soft")
    return "It restarts and erases everything. When that is done it opens its set-up network."


def resume(settings):
    """At the start: do what was begun, then reset the chip. Nothing charges, no tick runs."""
    why = "SoftRestart"
    try:
        erase(settings)
    except Exception as exc:
        # The next start tries again. What is half erased serves no charger: after a few such
        # starts safe mode says so.
        log.error("reset", "factory reset: %r", exc)
        why = "Crash"
    system.mark(why)
    system.reset()


def erase(settings):
    """Erase everything; returns how many blocks could not be erased, which is told as well. To be
    called with the application stopped, or before it runs."""
    paths = [settings.text(name) for name in _PATHS] if settings else []
    _files(paths)
    failed = 0
    for label in REGIONS:
        try:
            flash = Flash(label)
        except OSError:
            continue  # this board has no such region
        for block in range(flash.blocks):
            failed += not _erased(flash, block, label)
    _wash()
    system.keep_words(b"")  # the last log lines, which outlast a reset
    kept.mark(kept.ERASE, False)
    if failed:
        log.error("reset", "factory reset: %d blocks could not be erased", failed)
    else:
        log.warn("reset", "factory reset: everything is erased")
    return failed


def _erased(flash, block, label):
    try:
        if _blank(flash, block):
            return True
        flash.erase(block)
        if _blank(flash, block):
            return True
    except Exception as exc:
        log.error("reset", "%s, block %d: %r", label, block, exc)
    try:
        # It takes no erase, but it may take zeros: then nothing can be read in it either.
        zeros = bytes(_PIECE)
        for at in range(block * flash.block_size, (block + 1) * flash.block_size, _PIECE):
            flash.program(at, zeros)
    except Exception as exc:
        log.error("reset", "%s, block %d takes no zeros: %r", label, block, exc)
    return False


def _blank(flash, block):
    data = bytearray(_PIECE)
    for at in range(block * flash.block_size, (block + 1) * flash.block_size, _PIECE):
        flash.read(at, data)
        if data != b"\xff" * _PIECE:
            return False
    return True


def _files(paths):
    """Remove the files with settings, keys and certificates."""
    for name in os.listdir():
        if name in _FILES or name in paths or "." + name.rsplit(".", 1)[-1] in _ENDS:
            paths.append(name)
    for name in paths:
        try:
            if name and name not in _STAY and not name.startswith("public"):
                os.remove(name)
        except OSError as exc:
            if exc.args[0] != 2:  # ENOENT
                log.error("reset", "%s is not removed: %r", name, exc)


def _wash():
    """Write over what removed files have left: littlefs erases a block only when it needs it."""
    try:
        _rewrite_directory()
        room = Flash("vfs")
        left = room.blocks * room.block_size
        file = open(_WASH, "wb")
    except OSError as exc:
        log.error("reset", "what removed files have left is not written over: %r", exc)
        return
    try:
        while left > 0:
            file.write(bytes(_PIECE))
            left -= _PIECE
    except OSError:
        pass  # the file system is full: that is what was wanted
    try:
        file.close()
    except OSError:
        pass
    try:
        os.remove(_WASH)
        _rewrite_directory()
    except OSError as exc:
        log.error("reset", "%s: %r", _WASH, exc)


def _rewrite_directory():
    for _ in range(_WASH_FILES):
        with open(_WASH, "wb") as file:
            file.write(bytes(400))
        os.remove(_WASH)
