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
module("clock.py", base_path="..")
module("log.py", base_path="..")
module("port.py", base_path="..")
module("redaction.py", base_path="..")
