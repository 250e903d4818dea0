# Made by `make packages`: do not edit.
metadata(
    description="Modbus RTU master for asyncio over any UART object.",
    version="0.1.0",
)

package(
    "modbus",
    files=(
        "__init__.py",
        "rtu.py",
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
