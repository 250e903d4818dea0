metadata(description="IEC 61851-1 control pilot: levels, duty, state machine.", version="0.1.0")

module("port.py", base_path="..")
package(
    "iec61851",
    files=(
        "__init__.py",
        "levels.py",
        "plateau.py",
        "curve.py",
        "evidence.py",
        "duty.py",
        "sender.py",
        "latch.py",
        "closings.py",
        "evse.py",
        "proximity.py",
    ),
    base_path="..",
)
