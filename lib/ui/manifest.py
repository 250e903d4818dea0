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
