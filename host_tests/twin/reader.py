# An RFID reader that prints the tag it sees.
# MIT license; part of microevse
"""Sends the tag as an ASCII line with CR LF, at the speed of its UART."""


class Reader:
    """UART device: machine.UART puts itself into `port`."""

    def __init__(self, baud):
        self.baud = baud
        self.port = None

    def receive(self, data):
        """It listens to nothing."""

    def tap(self, tag):
        """A tag is held to the reader. If no driver listens, the line is lost, as on the wire."""
        if not tag or not isinstance(tag, str):
            raise ValueError('"tag" must be a string')
        if self.port is not None:
            self.port.feed(tag.encode() + b"\r\n")
