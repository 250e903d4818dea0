metadata(description="OCPP-J transport: WebSocket client, RPC, reconnect", version="0.1.0")

package("ocppj", base_path="..")
module("port.py", base_path="..")
module("log.py", base_path="..")
module("redaction.py", base_path="..")
module("clock.py", base_path="..")
module("iso8601.py", base_path="..")
