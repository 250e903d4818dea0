# Made by `make packages`: do not edit.
metadata(
    description="IEC 61851-1 control pilot: levels, duty, state machine.",
    version="0.1.0",
)

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
package(
    "evse_base",
    files=(
        "__init__.py",
        "clock.py",
        "iso8601.py",
        "log.py",
        "redaction.py",
    ),
    base_path="..",
)
