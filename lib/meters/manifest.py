metadata(description="Energy meters with one set of verbs.", version="0.1.0")

require("modbus")
module("port.py", base_path="..")
module("log.py", base_path="..")
module("redaction.py", base_path="..")
module("clock.py", base_path="..")
package(
    "meters",
    files=(
        "__init__.py", "plausible.py", "eastron.py", "generic_modbus.py", "hlw8032.py", "s0.py",
    ),
    base_path="..",
)
