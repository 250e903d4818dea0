# Made by `make packages`: do not edit.
metadata(
    description="OCPP-J transport: WebSocket client, RPC, reconnect.",
    version="0.1.0",
)

package(
    "ocppj",
    files=(
        "__init__.py",
        "backoff.py",
        "central.py",
        "connection.py",
        "dial.py",
        "failure.py",
        "frames.py",
        "handshake.py",
        "intake.py",
        "messages.py",
        "resolver.py",
        "rpc.py",
        "schema.py",
        "sender.py",
        "tls.py",
        "url.py",
        "websocket.py",
    ),
    base_path="..",
)
module("clock.py", base_path="..")
module("iso8601.py", base_path="..")
module("log.py", base_path="..")
module("port.py", base_path="..")
module("redaction.py", base_path="..")
