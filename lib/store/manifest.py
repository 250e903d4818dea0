metadata(  # noqa: F821
    description="Journal on raw NOR flash: append-only, CRC per record, power-cut safe.",
    version="0.1.0",
)
package("store", base_path="..")  # noqa: F821
module("port.py", base_path="..")  # noqa: F821
module("clock.py", base_path="..")  # noqa: F821
module("log.py", base_path="..")  # noqa: F821
module("redaction.py", base_path="..")  # noqa: F821
