# Made by `make packages`: do not edit.
metadata(
    description="Energy meters with one set of verbs.",
    version="0.1.0",
)

package(
    "meters",
    files=(
        "__init__.py",
        "eastron.py",
        "generic_modbus.py",
        "hlw8032.py",
        "plausible.py",
        "s0.py",
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
package(
    "modbus",
    files=(
        "__init__.py",
        "rtu.py",
    ),
    base_path="..",
)
