# Made by `make packages`: do not edit.
metadata(
    description="Files over HTTP, HTTPS and FTP, streamed, for asyncio.",
    version="0.1.0",
)

package(
    "transfer",
    files=(
        "__init__.py",
        "ftp.py",
        "http.py",
        "stream.py",
        "url.py",
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
