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
module("port.py", base_path="..")
