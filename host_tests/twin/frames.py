# Every OCPP message that the charger sends or receives, told to the parent.
# MIT license; part of microevse
"""Between the firmware and its WebSocket, so that TLS hides nothing and no mask has to be undone.
Only where it was asked for (`frames` in the options): it takes heap that a charger does not
have to spare."""


def install(send):
    """`send(event)` gets {"event": "frame", "sent": bool, "text": ...} for each message."""
    try:
        from ocppj.websocket import WebSocket
    except ImportError:
        return  # a program that speaks no OCPP
    receive, put = WebSocket.recv, WebSocket.send

    def tell(sent, text):
        send({"event": "frame", "sent": sent, "text": text})

    def pieces(message):
        """The same pieces; told when the last one has been taken."""
        taken = []
        for piece in message:
            taken.append(piece)
            yield piece
        tell(True, "".join(taken))

    async def recv(self):
        message = await receive(self)
        if isinstance(message, str):
            tell(False, message)
        elif isinstance(message, bytes):
            tell(False, "(%d bytes, not text)" % len(message))
        else:
            head = message.head if isinstance(message.head, str) else bytes(message.head).decode()
            tell(False, "%s... (%d bytes, more than the charger reads)" % (head, message.size))
        return message

    async def send_message(self, message):
        if isinstance(message, str):
            tell(True, message)
        elif not isinstance(message, bytes):
            message = pieces(message)
        await put(self, message)

    WebSocket.recv, WebSocket.send = recv, send_message
