# A small FTP server for tests: real sockets, in lockstep with the charger.
# MIT license; part of microevse
"""RFC 959 as far as one file up or down needs it, written against sockets alone.

Commands are handled inside `data_received`, data connections by readers and writers of the
event loop; `count` is Csms.count, so that the bench knows that every byte has been seen.
"""

import asyncio
import socket


class FtpServer:
    """Files by path from the login directory on. `logins`: {user: password}, None: anybody.

    `cut`: [bytes after which a download's connections die, one for each download];
    `epsv_only`: PASV is not known; `refuse`: {command: reply}.
    """

    def __init__(self, count=lambda size: None, logins=None):
        self.count = count
        self.logins = logins
        self.files = {}
        self.stored = {}
        self.directories = {""}
        self.commands = []  # all lines of all clients
        self.cut = []
        self.epsv_only = False
        self.refuse = {}

    async def start(self, host="127.0.0.1"):
        self.host = host
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"ftp://{host}:{self.port}"
        return self

    def stop(self):
        self._server.close()


class _Session(asyncio.Protocol):
    def __init__(self, server):
        self._server = server
        self._in = b""
        self._user = None
        self._logged_in = False
        self._listener = None
        self._rest = 0
        self._binary = False

    def connection_made(self, transport):
        self._transport = transport
        # Several lines, as real servers greet.
        self._reply("220-Welcome\r\n220-to the test\r\n220 ready")

    def connection_lost(self, exc):
        if self._listener:
            self._listener.close()

    def _reply(self, text):
        self._transport.write(text.encode() + b"\r\n")

    def data_received(self, data):
        self._server.count(len(data))
        self._in += data
        while b"\r\n" in self._in:
            line, _, self._in = self._in.partition(b"\r\n")
            self._command(line.decode())

    def _command(self, line):
        server = self._server
        server.commands.append(line)
        word, _, rest = line.partition(" ")
        if word in server.refuse:
            return self._reply(server.refuse[word])
        if word not in ("USER", "PASS", "QUIT") and not self._logged_in:
            return self._reply("530 log in first")
        handler = getattr(self, "_do_" + word.lower(), None)
        if handler is None:
            return self._reply("502 not known")
        handler(rest)

    def _do_user(self, name):
        self._user = name
        self._reply("331 password, please")

    def _do_pass(self, password):
        logins = self._server.logins
        if logins is not None and logins.get(self._user) != password:
            return self._reply("530 no")
        self._logged_in = True
        self._reply("230 welcome")

    def _do_type(self, kind):
        self._binary = kind == "I"
        self._reply("200 ok")

    def _do_quit(self, _):
        self._reply("221 bye")
        self._transport.close()

    def _do_size(self, name):
        data = self._server.files.get(name)
        self._reply("550 no such file" if data is None else f"213 {len(data)}")

    def _do_rest(self, offset):
        self._rest = int(offset)
        self._reply("350 from there")

    def _listen(self):
        self._listener = socket.socket()
        self._listener.bind((self._server.host, 0))
        self._listener.listen(1)
        self._listener.settimeout(2)
        return self._listener.getsockname()[1]

    def _do_pasv(self, _):
        if self._server.epsv_only:
            return self._reply("522 use EPSV")
        port = self._listen()
        # An address that is not ours: a careful client does not go there.
        self._reply(f"227 Entering Passive Mode (10,9,8,7,{port >> 8},{port & 255})")

    def _do_epsv(self, _):
        self._reply(f"229 Entering Extended Passive Mode (|||{self._listen()}|)")

    def _accept(self):
        """The client's data connection: it is made before the command that uses it."""
        assert self._binary, "a file in ASCII mode is a broken file"
        conn, _ = self._listener.accept()
        self._listener.close()
        self._listener = None
        conn.setblocking(False)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        return conn

    def _do_stor(self, name):
        directory = name.rpartition("/")[0]
        if directory not in self._server.directories:
            return self._reply("553 no such directory")
        self._reply("150 go ahead")
        conn = self._accept()
        parts = []
        loop = asyncio.get_running_loop()

        def readable():
            data = conn.recv(65536)
            self._server.count(len(data))
            parts.append(data)
            if not data:
                loop.remove_reader(conn)
                conn.close()
                self._server.stored[name] = b"".join(parts)
                self._reply("226 stored")

        loop.add_reader(conn, readable)

    def _do_retr(self, name):
        server = self._server
        if name not in server.files:
            return self._reply("550 no such file")
        data = memoryview(server.files[name])[self._rest :]
        self._rest = 0
        cut = server.cut.pop(0) if server.cut else None
        if cut is not None:
            data = data[:cut]
        self._reply("150 here it comes")
        conn = self._accept()
        loop = asyncio.get_running_loop()

        def writable():
            nonlocal data
            try:
                data = data[conn.send(data) :] if data else data
            except BlockingIOError:
                return
            if not data:
                loop.remove_writer(conn)
                conn.close()
                if cut is None:
                    self._reply("226 done")
                else:
                    self._transport.close()

        loop.add_writer(conn, writable)
