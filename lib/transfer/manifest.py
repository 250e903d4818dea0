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
module("clock.py", base_path="..")
module("log.py", base_path="..")
module("port.py", base_path="..")
module("redaction.py", base_path="..")
