# FTP: one file up or down, passive mode, binary.
# MIT license; part of microevse
"""RFC 959 with PASV, or EPSV (RFC 2428) where the server has no IPv4; REST to resume.

Servers are many and old. A positive reply that was not expected is an extra reply to the command
before, and is skipped; replies may have any number of lines, within bounds.

The path of the URL is taken from the login directory on (RFC 1738 section 3.2.2); write %2F for
the root. FTP protects nothing on the wire.
"""

from .stream import CHUNK, Channel, TransferError, blocks

_REPLY_LINES = 100
_STRAYS = 10


def address(host, number):
    """The first address of `host` as text. Blocks the interpreter, possibly for seconds."""
    import socket

    found = socket.getaddrinfo(host, number, 0, socket.SOCK_STREAM)[0][-1]
    if isinstance(found, tuple):
        return found[0]
    # The unix port answers with a packed sockaddr.
    family, packed, _ = socket.sockaddr(found)[:3]
    return socket.inet_ntop(family, packed)


class _Control:
    """The control connection."""

    def __init__(self, progress):
        self._channel = Channel(progress)
        self._progress = progress
        self._host = None  # address of the server

    async def open(self, target):
        """Connect, log in, binary mode."""
        await self._progress.may_stall()
        # Resolved once: by name, the data connections could go to another one of its servers.
        self._host = address(target.host, target.port)
        await self._channel.open(self._host, target.port)
        await self.expect("greeting", (220,), True)
        await self.tell("USER " + (target.user or "anonymous"))
        if await self.expect("USER", (230, 331)) == 331:
            # `expect` gets the command's name only: a failure's text must not hold the password.
            password = target.password if target.user else "microevse@"
            await self.tell("PASS " + (password or ""))
            await self.expect("PASS", (230, 202))
        await self.tell("TYPE I")
        await self.expect("TYPE", (200, 250))

    async def reply(self, first=False):
        """(code, text of the last line) of one reply, multi-line ones read to their end.

        first: no reply has come before, so a line without a code is not FTP.
        """
        code = None
        for _ in range(_REPLY_LINES):
            line = await self._channel.line()
            if code is None:
                if len(line) < 3 or not line[:3].isdigit():
                    if first and line:
                        break
                    continue
                code = line[:3]
            if line[:3] == code and line[3:4] != b"-":
                return int(code), line[4:]
        else:
            raise TransferError("the server does not stop talking")
        raise TransferError("the server does not speak FTP")

    async def _next(self, what, codes, first=False):
        """(code, text) of the next reply that is one of `codes`, text None for a refusal."""
        for _ in range(_STRAYS):
            code, text = await self.reply(first)
            if code in codes:
                return code, text
            if code >= 400:
                return code, None
        raise TransferError("FTP server says %d to %s, and does not stop" % (code, what))

    async def expect(self, what, codes, first=False):
        """As `_next`, the code alone; TransferError for a refusal."""
        code, text = await self._next(what, codes, first)
        if text is None:
            raise TransferError("FTP server says %d to %s" % (code, what))
        return code

    async def tell(self, command):
        await self._channel.write(command.encode() + b"\r\n")

    async def ask(self, command, *codes):
        """(code, text) of the reply to `command`, text None where it is refused."""
        await self.tell(command)
        return await self._next(command.split(" ")[0], codes)

    async def data(self):
        """A data connection to where the server listens."""
        number = 0
        for command in ("PASV", "EPSV"):
            # Either reply will do: some servers answer one command with the reply of the other.
            code, text = await self.ask(command, 227, 229)
            if text is not None:
                number = _pasv_port(text) if code == 227 else _epsv_port(text)
            if number:
                break
        else:
            raise TransferError("FTP server says %d to PASV and EPSV" % code)
        channel = Channel(self._progress)
        # Always the same host: a server that names another one, a private one or 0.0.0.0 is behind
        # NAT, or attacks.
        await channel.open(self._host, number)
        return channel

    async def close(self, goodbye=True):
        try:
            if goodbye:
                await self.tell("QUIT")
        except OSError:
            pass  # the file is complete; an error at the end of the connection does not matter
        await self._channel.close()


def _pasv_port(text):
    """Port of "... (h1,h2,h3,h4,p1,p2)", 0 if there is none; the brackets are not everywhere."""
    numbers = []
    for part in text.replace(b"(", b",").replace(b")", b",").replace(b" ", b",").split(b","):
        part = part.strip(b".=")
        if part.isdigit():
            numbers.append(int(part))
    if len(numbers) < 6 or max(numbers[-6:]) > 255:
        return 0
    return numbers[-2] * 256 + numbers[-1]


def _epsv_port(text):
    """Port of "... (|||port|)", 0 if there is none; any character may be the bar (RFC 2428)."""
    at = text.find(b"(") + 1 or text.find(b"|")
    bar = text[at : at + 1]
    parts = text[at:].split(bar) if bar else ()
    if len(parts) < 4 or not parts[3].isdigit() or len(parts[3]) > 5:
        return 0
    number = int(parts[3])
    return number if number < 65536 else 0


def _name(target):
    name = target.path[1:]
    if not name:
        raise TransferError("the URL names no file")
    return name


async def get(target, download, _tls):
    """Get a file into `download`, from `download.done` on."""
    name = _name(target)
    control = _Control(download)
    data = None
    ended = False
    try:
        await control.open(target)
        _, text = await control.ask("SIZE " + name, 213)
        text = (text or b"").strip()
        await download.begin(int(text) if text.isdigit() and len(text) < 13 else None)
        data = await control.data()
        download.skip = 0
        if download.done:
            code, _ = await control.ask("REST %d" % download.done, 350)
            if code != 350:
                download.skip = download.done  # the whole file comes again
        await control.tell("RETR " + name)
        await control.expect("RETR", (125, 150))
        while True:
            chunk = await data.read(CHUNK)
            if not chunk:
                break
            await download.take(chunk)
        await data.close()
        if download.size is None:
            # Only this reply tells the end of the file from a lost connection.
            await control.expect("RETR", (226, 250))
        elif download.done < download.size:
            raise EOFError
        ended = True
    finally:
        if data:
            await data.close()
        await control.close(ended)
    if download.size is not None and download.done != download.size:
        raise TransferError("%d bytes of %d" % (download.done, download.size))


async def put(target, source, _size, _name_told, progress, _tls):
    """Store what `source()` yields."""
    name = _name(target)
    control = _Control(progress)
    data = None
    ended = False
    try:
        await control.open(target)
        data = await control.data()
        await control.tell("STOR " + name)
        await control.expect("STOR", (125, 150))
        for block in blocks(source):
            await data.send(block)
        await data.close()  # in FTP this ends the file
        await control.expect("STOR", (226, 250))
        ended = True
    finally:
        if data:
            await data.close()
        await control.close(ended)
