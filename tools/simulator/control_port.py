# The control port of one simulated charger.
# MIT license; part of microevse
"""One JSON object per line in, one answer per line out; events to subscribers. It belongs to the
parent process, so it survives reboots, power cuts and crashes of the charger."""

import asyncio
import json

from twin import given

MAX_LINE = 1 << 16

_EXAMPLE = 'a command is a line like {"do": "help"}'


class ControlPort:
    """Serves the commands of twin/commands.py for one Twin."""

    def __init__(self, twin):
        self._twin = twin
        self._server = None
        self._subscribers = set()
        self._connections = set()
        twin.listeners.append(self._event)

    async def start(self, host, port):
        """Returns (host, port) it really listens on."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
        return host, self._server.sockets[0].getsockname()[1]

    def close(self):
        if self._server:
            self._server.close()
        for writer in self._connections:
            writer.close()

    def _event(self, event):
        for writer in self._subscribers:
            writer.write(_line(event))

    async def _serve(self, reader, writer):
        self._connections.add(writer)
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    # The stream is out of step after an endless line.
                    writer.write(_line({"ok": False, "error": "line too long"}))
                    return
                if not line:
                    return
                if line.strip():
                    writer.write(_line(await self._answer(line, writer)))
                    await writer.drain()
        except ConnectionError:
            pass  # the client has gone in the middle of an answer
        finally:
            self._subscribers.discard(writer)
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, line, writer):
        try:
            cmd = given.read_json(line)
        except ValueError as exc:
            return {"ok": False, "error": f"not JSON: {exc}; {_EXAMPLE}"}
        if not isinstance(cmd, dict):
            return {"ok": False, "error": f"not a JSON object; {_EXAMPLE}"}
        number = cmd.pop("id", None)
        if cmd.get("do") == "subscribe":
            self._subscribers.add(writer)
            answer = {"ok": True}
        else:
            answer = await self._twin.command(cmd)
        if number is not None:
            answer = {**answer, "id": number}
        return answer


def _line(message):
    return json.dumps(message).encode() + b"\n"
