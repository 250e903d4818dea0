# The diagnostics file for a service person, without any secret.
# MIT license; part of microevse
"""Plain text: state, counters, settings, the last log lines."""

import gc

import blackbox
from evse_base import iso8601
from evse_base import log
from hal import system
from version import VERSION

_BLOCK = 400  # bytes
# Tokens start charging sessions: who reads the file shall not be able to.
_TOKENS = ("FreeModeIdTag", "WebIdTag")


def _line(name, value):
    return "%s: %s" % (name, value)


def _state(board, station, tick, central, supervisor):
    clock, journal, connection = station.clock, station.journal, central.connection
    now = clock.now()
    yield _line("microevse", VERSION)
    yield _line("board", board["name"])
    yield _line("serial", system.unique_id())
    yield _line("time", "not known" if now is None else iso8601.format(now))
    yield _line("uptime_s", clock.uptime())
    yield _line("boot", "%s, after %s" % (clock.boot, system.last_reset()))
    heap = system.heap()
    for name in sorted(heap):
        yield _line("heap_" + name, heap[name])
    yield _line("worst_tick_gap_ms", tick.worst_gap_ms)
    for connector in station.connectors:
        name = "connector_%d" % connector.id
        yield _line(name, "%s, %s" % (connector.status, connector.why))
        if connector.fault:
            yield _line(name + "_fault", "%s %s" % (connector.fault[0], connector.fault[1]))
        if not board["connectors"][connector.id - 1]["cp"].get("diode_check", True):
            yield _line(name + "_ev_diode", "cannot be checked by this board")
        yield _line(name + "_energy_wh", connector.metering.energy_wh)
        yield _line(name + "_worst_gap_closed_ms", connector.evse.worst_gap_ms)
    yield _line("journal_queued", journal.queued)
    yield _line("journal_foreign", journal.foreign)
    yield _line("events_given_up", station.delivery.given_up)
    yield _line("journal_free_bytes", journal.free())
    yield _line("journal_samples_refused", journal.samples_refused)
    yield _line("journal_samples_dropped", journal.samples_dropped)
    for name in ("torn", "lost", "skipped", "bad_blocks", "bad_writes"):
        yield _line("journal_" + name, getattr(journal.log, name))
    yield _line("connection", connection.state)
    yield _line("connection_attempts", connection.attempts)
    yield _line("connection_last_error", connection.last_error)
    for name in ("timeouts", "unknown_ids", "malformed", "repeated"):
        yield _line("calls_" + name, getattr(central.rpc, name))
    for name in sorted(supervisor.restarts):
        yield _line("restarts of " + name, supervisor.restarts[name])
        yield _line("reason of the last", supervisor.reasons.get(name))


def _settings(settings):
    for name in settings.declared():
        if settings.owner_access(name) == "w" or name in _TOKENS:
            value = "***" if settings.text(name) else ""
        else:
            # A query of a URL may hold a token.
            value = settings.text(name).partition("?")[0]
        yield _line(name, value)


def make(board, station, tick, central, supervisor):
    """(source, size): `source()` yields the file's bytes in pieces, the same each time.

    Taken down now: the numbers must not change between counting the bytes and sending them. In
    blocks, as each line would be an object with a head and a rest of its own. board: the profile.
    central: ocppj.central.Central.
    """
    redact = log.redactor()
    gc.collect()
    blocks = []
    block = b""
    for line in _lines(board, station, tick, central, supervisor):
        block += redact(line).encode() + b"\n"
        if len(block) >= _BLOCK:
            blocks.append(block)
            block = b""
    blocks.append(block)

    def source():
        for block in blocks:
            yield block

    return source, sum([len(block) for block in blocks])


def _lines(board, station, tick, central, supervisor):
    yield "[state]"
    yield from _state(board, station, tick, central, supervisor)
    yield "[settings]"
    yield from _settings(station.settings)
    if blackbox.previous():
        yield "[before the last reset]"
        yield from blackbox.previous()
    yield "[log]"
    yield from log.lines()
