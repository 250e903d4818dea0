metadata(description="What a charging station is, without any protocol.", version="0.1.0")

for name in ("port.py", "clock.py", "iso8601.py", "log.py", "redaction.py"):
    module(name, base_path="..")
package("store", base_path="..")
package("station", base_path="..")
