# Made by `make packages`: do not edit.
metadata(
    description="What a charging station is, without any protocol.",
    version="0.1.0",
)

package(
    "station",
    files=(
        "__init__.py",
        "authorization.py",
        "composite.py",
        "connector.py",
        "declarations.py",
        "delivery.py",
        "faults.py",
        "held.py",
        "jobs.py",
        "limits.py",
        "measurands.py",
        "metering.py",
        "netaddress.py",
        "over_current.py",
        "profile.py",
        "profiles.py",
        "protection.py",
        "recovery.py",
        "reservations.py",
        "sequence.py",
        "session.py",
        "settings.py",
        "sharing.py",
        "soft_pause.py",
        "station.py",
        "telling.py",
        "temperature.py",
        "tokens.py",
        "update.py",
        "upload.py",
    ),
    base_path="..",
)
module("clock.py", base_path="..")
package(
    "iec61851",
    files=(
        "__init__.py",
        "calibration.py",
        "closings.py",
        "curve.py",
        "duty.py",
        "evidence.py",
        "evse.py",
        "latch.py",
        "levels.py",
        "plateau.py",
        "proximity.py",
        "sender.py",
    ),
    base_path="..",
)
module("iso8601.py", base_path="..")
module("log.py", base_path="..")
module("port.py", base_path="..")
module("redaction.py", base_path="..")
package(
    "store",
    files=(
        "__init__.py",
        "cbor.py",
        "journal.py",
        "kinds.py",
        "lost_time.py",
        "migrate.py",
        "norlog.py",
        "ramflash.py",
        "records.py",
        "sectors.py",
        "space.py",
        "state.py",
        "taglist.py",
        "tagwriter.py",
    ),
    base_path="..",
)
