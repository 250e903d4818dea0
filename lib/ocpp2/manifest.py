# Made by `make packages`: do not edit.
metadata(
    description="OCPP 2.0.1 and 2.1: tables of their messages.",
    version="0.1.0",
)

package(
    "ocpp2",
    files=(
        "__init__.py",
        "schemas.py",
        "schemas21.py",
    ),
    base_path="..",
)
