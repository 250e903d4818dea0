# Made by `make packages`: do not edit.
metadata(
    description="Lamp patterns and a button for asyncio.",
    version="0.1.0",
)

package(
    "ui",
    files=(
        "__init__.py",
        "button.py",
        "patterns.py",
    ),
    base_path="..",
)
module("port.py", base_path="..")
