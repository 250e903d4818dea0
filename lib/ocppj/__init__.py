# OCPP-J transport: RFC 6455 client, RPC framing, one call in flight, reconnect.
# MIT license; part of microevse
