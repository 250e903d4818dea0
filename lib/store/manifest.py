# Made by `make packages`: do not edit.
metadata(
    description="Journal on raw NOR flash: append-only, CRC per record, power-cut safe.",
    version="0.1.0",
)

package(
    "store",
    files=(
        "__init__.py",
        "cbor.py",
        "journal.py",
        "kinds.py",
        "lost_time.py",
        "migrate.py",
        "norlog.py",
        "ramflash.py",
        "records.py",
        "seclog.py",
        "sectors.py",
        "space.py",
        "state.py",
        "taglist.py",
        "tagwriter.py",
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
