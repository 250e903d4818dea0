metadata(description="Files over HTTP, HTTPS and FTP, streamed, for asyncio.", version="0.1.0")

module("port.py", base_path="..")
module("log.py", base_path="..")
module("redaction.py", base_path="..")
module("clock.py", base_path="..")
package("transfer", base_path="..")
