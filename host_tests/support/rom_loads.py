# Modules that are loaded from a ROMFS slot while a contactor may be closed.
# MIT license; part of microevse
"""Loading one is a stall in which nobody looks at the pilot. The limits follow from the 100 ms
that the contacts may take to open (docs/chip.md has the costs):

    6 ms   the car lets go just behind a window of 4 ms; the next tick would come 6 ms later
    loads  begin just before that tick
    10 ms  two windows one after the other, in the same tick
    30 ms  the contactor drops out

So 54 ms are left. A module that is loaded after `await before_import()` has them to itself: the
heap has just been collected. One that is loaded in the middle of other work may meet a collection
of the base image's heap (24 ms)."""

from twin.rom_imports import MS_PER_KB

LEFT_MS = 100 - 6 - 10 - 30
COLLECTION_MS = 24
ALONE_MAX = 3620  # bytes of .mpy: 53.0 ms
AMID_MAX = 1960  # 28.7 ms

assert ALONE_MAX * MS_PER_KB / 1024 <= LEFT_MS
assert AMID_MAX * MS_PER_KB / 1024 + COLLECTION_MS <= LEFT_MS

# Each is loaded behind `await before_import()`.
ALONE = """
lib/dnsclient lib/ocppj/handshake
lib/ocpp16/certificates lib/ocpp16/configuration lib/ocpp16/data_transfer lib/ocpp16/local_list
lib/ocpp16/logs lib/ocpp16/remote lib/ocpp16/reservation lib/ocpp16/smart_charging
lib/ocpp16/trigger lib/station/composite lib/station/log_upload lib/station/update
lib/station/update_request lib/station/update_sink lib/store/tagwriter
firmware/web/answers firmware/web/bounds firmware/web/connections firmware/web/events
firmware/web/loading firmware/web/login firmware/web/origin firmware/web/server firmware/web/view
firmware/wiring/__init__ firmware/wiring/fitted
""".split()
# These are loaded where they are needed.
AMID = """
lib/evse_base/redaction lib/ocppj/failure lib/ocppj/url lib/sntp lib/station/log_name
lib/station/netaddress lib/station/restart lib/station/setting_forms lib/station/upload
lib/store/lost_time
""".split()
