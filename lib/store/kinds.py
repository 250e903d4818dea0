# Record kinds of the journal: what each one is called and what its payload holds.
# MIT license; part of microevse
"""Numbers are on flash for years: never renumber, never change the meaning of a field.

A stamp is `[boot, uptime_s, unix_s or 0]`: when it happened, in a form that can be turned into
wall time later, when the clock becomes known. A fourth item, 1, stands in a stamp of an event that
happened while no central system was connected (2.x tells it). Version 0.1.0 did not write it.

Fields are only ever appended. A reader takes the fields that it knows and ignores more. An event
of a kind that this version does not know stays on flash for a version that does: it is neither
delivered nor marked done (journal.py).
"""

# Events: recorded once, delivered once, in this order.
# The fields behind the semicolon are missing in records of version 0.1.0. seq: number of the
# record in its session, 0 for START; a number that is missing is that of a record given up for
# room.
# [session, connector, token, meter_wh, reservation|None, stamp; uuid, token's kind, remote start
# id|None, trigger (station.session.Waiting), values|None, number in its transaction (-1: that has
# not begun), bits of what was told before (station.points)]. The last two are only there where the
# transaction does not begin with it.
START = 1
# [session|0, connector, context, stamp, [[measurand, phase, value], ...]; seq|None, charging state
# (only where it is told, too)]
SAMPLE = 2
# [session, connector, meter_wh, reason, token|None, stamp, samples|None; seq|None, trigger,
# token's kind|None, 1 if the transaction goes on (only then)]
STOP = 3
# [session, connector, trigger, charging state, stamp, seq, [mA offered, changes that were left
# out before this one; cost so far (station.costs)|None, limits (station.session_limits)]]:
# something has changed in a session; words in station.session. Of a transaction that is not its
# session an eighth field: [0 begins, 1 goes on, 2 ends; uuid, 1 if the connector is told,
# token|None, its kind, remote start id|None, reason|None, Wh, values|None, true for the end of one
# whose begin was told]
CHANGE = 4

LAST_EVENT = 4  # the newest kind of event that this version knows

# 5 to 15 are for events to come. Each begins as CHANGE does: session (0: none) and connector
# first, its stamp fifth, its number in the session sixth; the two fields between are its own. A
# version that does not know the kind reads these alone: it gives the number to no other record,
# and it keeps the time of that boot.

# State: the latest record of a key is the one that counts. In brackets: the payload;
# behind it: the key to keep it under.
BOOT = 16  # [boot, cause]; key 0. The lowest of them: see is_event
TIME = 17  # [boot, offset], unix = offset + uptime_s; key boot
# The acknowledgement of a START, until its STOP is delivered:
# [session, id|None; families, uuid|None, payload of the START], key session.
# families: 1 OCPP 1.6, whose id it is; 2 OCPP 2.x, where the uuid is the id; 3 both. The START is
# there unless its token is long: the other family has to be told it, also once it is gone.
TXID = 18
SETTING = 19  # [key, text]; key the setting's name
AVAILABILITY = 20  # [connector, operative]; key connector
# The kind is there only where the protocol told one; then the key is token, line feed, kind.
# A token or parent of more than 36 characters is a hash (station.authorization.kept).
CACHE = 21  # [token, status, expiry|None, parent|None(, kind)]; key token
# Bounds the energy that a power cut can cost. It outlives the records of delivered sessions, so
# that no session number is given twice.
CHECKPOINT = 22  # [connector, session, meter_wh, stamp, 1 if the EV asks]; key connector
RESERVATION = 23  # [id, connector, token, parent|None, expiry(, kind)]; key id; as with CACHE
# The fields of station.profile.Profile, without a session; key its id. `extra` is missing where
# the protocol has none of it, and in records of version 0.1.0.
PROFILE = 30
# A monitor that a central system has set: [id, connector, what, kind, value, severity, whether
# only during a session; [interval, values] of a stream|None]; words in station.monitors; key its
# id.
MONITOR = 34
# A message for drivers: [id, priority, state|None, start|None, end|None, session|None, text,
# format, language|None], times in Unix seconds; words in station.notices; key its id.
MESSAGE = 35
# A default tariff: [id, [connector, ...], tariff]; the cost of a session: [session, [connector,
# kind, token, [id of a tariff, ...]], tally, s from UTC to local time], and its tariff: [a number
# below zero, tariff]; words in station.tariff and station.costs; key the first item.
TARIFF = 36
# Diagnostics and firmware update over a reboot; key the first item:
# 0 [0, location, unix, retries|None, interval|None] update asked for; of a location above 600
#   bytes [0, a name for it, ..., first key, n] and n records [key, bytes] from 100 or 200 on,
# 1 and 2 [key, status] the last status reported of diagnostics and of the firmware,
# 3 [3, location, unix, what|None] the installer has begun with it (what: the version),
# 4 [4] the central system had accepted the charger when it restarted for the last update.
FIRMWARE = 40
SCHEMA = 41  # [number]; key 0; see migrate.py. Without one: 1

# The schema that this version writes.
CURRENT_SCHEMA = 1

# The reasons that keep a contactor open over a restart: causes of faults, how often it has closed
# (iec61851.closings), the last cut session that was counted, and 1 if free mode has to wait until
# the cable has been out.
HELD = 45  # [connector, [cause, ...], counts, session, 0 or 1]; key connector
# A transaction that is open without a session: [connector, session, uuid, number of its next
# event, stamp of its last, Wh, reason for which its session has ended|None, bits of what was told,
# count of unplugging (station.points); token and its kind, where it was told and its session has
# not ended]; key connector.
TRANSACTION = 46

TOLD = 42  # [unix, floor, sure time]; key 0: when the central system last told it (every 6 h)

# Kind and the fields that a payload must begin with; behind a semicolon fields that it may have.
# i whole number below 2^48, j one of any size, n one from 0 on that fits a stamp, s text, y bytes,
# b yes or no, w stamp, l list, . anything; J and S may be None. A payload without the first fields
# or with a field of another type is not readable. HELD has no row: `recovery` reads a damaged HELD
# as the worst case.
SHAPES = """
1 iisi.w
2 ii.wl
3 iii..w
4 ii..w
16 n
17 ni
18 i.;..l
19 ss
20 ib
21 ssJS;S
22 iiiw
23 jisSj;S
30 jjjjjJJJJJjy
34 iissiib
35 iiSJJJssS
36 .l
40 i.
41 i
42 i
"""


def is_event(kind):
    """True for records that are delivered and then done with."""
    return kind < BOOT
