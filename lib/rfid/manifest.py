metadata(
    description="Card readers: MFRC522, PN532, and those that print a tag as a line.",
    version="0.1.0",
)

module("port.py", base_path="..")
package(
    "rfid",
    files=("__init__.py", "line.py", "polling.py", "mfrc522.py", "pn532.py", "pn532_bus.py"),
    base_path="..",
)
