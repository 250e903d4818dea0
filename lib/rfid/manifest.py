# Made by `make packages`: do not edit.
metadata(
    description="Card readers: MFRC522, PN532, and those that print a tag as a line.",
    version="0.1.0",
)

package(
    "rfid",
    files=(
        "__init__.py",
        "line.py",
        "mfrc522.py",
        "pn532.py",
        "pn532_bus.py",
        "polling.py",
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
