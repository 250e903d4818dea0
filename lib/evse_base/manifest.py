# Made by `make packages`: do not edit.
metadata(
    description="What all packages of microevse share: runtime differences, clock, log, dates.",
    version="0.1.0",
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
