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
lib/dnsclient lib/ocppj/certificate_messages lib/ocppj/file_messages lib/ocppj/handshake
lib/ocppj/pem lib/ocppj/security_messages
lib/ocpp16/certificates lib/ocpp16/configuration lib/ocpp16/data_transfer
lib/ocpp16/extended_trigger lib/ocpp16/local_list
lib/ocpp16/logs lib/ocpp16/remote lib/ocpp16/reservation lib/ocpp16/security_events
lib/ocpp16/signed_firmware lib/ocpp16/smart_charging lib/ocpp16/trigger
lib/ocpp2/certificates lib/ocpp2/customer lib/ocpp2/file_triggers lib/ocpp2/firmware
lib/ocpp2/logs lib/ocpp2/security_events lib/ocpp2/trigger
lib/station/certificate_requests lib/station/composite lib/station/customer
lib/station/log_upload lib/station/security_book lib/station/security_news
lib/station/signed_update lib/station/update
lib/station/update_request lib/station/update_sink lib/store/seclog lib/store/tagwriter
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
# What writes a security event, which may be due at any time.
EVENT_LOG = "lib/evse_base/redaction lib/station/security_book lib/store/seclog".split()
