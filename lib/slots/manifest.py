# Made by `make packages`: do not edit.
metadata(
    description="Application slots with trial and rollback on NOR flash, and signed bundles.",
    version="0.1.0",
)

package(
    "slots",
    files=(
        "__init__.py",
        "bundle.py",
        "keys.py",
        "rom.py",
    ),
    base_path="..",
)
