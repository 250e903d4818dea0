# FTP: one file up or down, passive mode, binary.
# MIT license; part of microevse
"""RFC 959 with PASV, or EPSV (RFC 2428) where the server has no IPv4; REST to resume.

The path of the URL is taken from the login directory on (RFC 1738 section 3.2.2); write
%2F for the root. Nothing here is secret on the wire: that is what FTP is.
"""

from .stream import CHUNK, Channel, TransferError, blocks

_REPLY_LINES = 100


class _Control:
    """The control connection."""

    def __init__(self, progress):
        self._channel = Channel(progress)
        self._progress = progress
        self._target = None

    async def open(self, target):
        """Connect, log in, binary mode."""
        self._target = target
        await self._channel.open(target.host, target.port)
        await self.expect("greeting", 220)
        code = await self.ask("USER " + (target.user or "anonymous"), 230, 331)
        if code == 331:
            # By name only: the text of a failure must not hold the password.
            password = target.password if target.user else "microevse@"
            await self.ask("PASS " + (password or ""), 230, 202)
        await self.ask("TYPE I", 200)

    async def reply(self):
        """(code, text of the last line) of one reply, multi-line ones read to their end."""
        first = None
        for _ in range(_REPLY_LINES):
            line = await self._channel.line()
            code = line[:3]
            if first is None:
                if not code.isdigit() or len(code) != 3:
                    raise TransferError("the server does not speak FTP")
                first = code
            if line[:3] == first and line[3:4] != b"-":
                return int(first), line[4:]
        raise TransferError("the server does not stop talking")

    async def expect(self, what, *codes):
        """The next reply's code, which must be one of `codes`."""
        code, _ = await self.reply()
        if code not in codes:
            raise TransferError("FTP server says %d to %s" % (code, what))
        return code

    async def tell(self, command):
        await self._channel.write(command.encode() + b"\r\n")

    async def ask(self, command, *codes):
        await self.tell(command)
        return await self.expect(command.split(" ")[0], *codes)

    async def data(self):
        """A data connection to where the server listens."""
        await self.tell("PASV")
        code, text = await self.reply()
        if code == 227:
            number = _pasv_port(text)
        else:
            await self.tell("EPSV")
            code, text = await self.reply()
            if code != 229:
                raise TransferError("FTP server says %d to PASV and EPSV" % code)
            number = _epsv_port(text)
        channel = Channel(self._progress)
        # Always the same host: a server that names another one is behind NAT, or up to no
        # good.
        await channel.open(self._target.host, number)
        return channel

    async def close(self, goodbye=True):
        try:
            if goodbye:
                await self.tell("QUIT")
        except OSError:
            pass  # the file is over; how the line ends does not matter
        await self._channel.close()


def _pasv_port(text):
    """Port of "... (h1,h2,h3,h4,p1,p2)"; the brackets are not everywhere."""
    numbers = []
    for part in text.replace(b"(", b",").replace(b")", b",").replace(b" ", b",").split(b","):
        part = part.strip(b".")
        if part.isdigit():
            numbers.append(int(part))
    if len(numbers) < 6 or max(numbers[-6:]) > 255:
        raise TransferError("the FTP server's PASV cannot be read")
    return numbers[-2] * 256 + numbers[-1]


def _epsv_port(text):
    """Port of "... (|||port|)"."""
    parts = text.split(b"|")
    if len(parts) < 4 or not parts[3].isdigit() or not 0 < int(parts[3]) < 65536:
        raise TransferError("the FTP server's EPSV cannot be read")
    return int(parts[3])


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
        await control.tell("SIZE " + name)
        code, text = await control.reply()
        text = text.strip()
        await download.begin(int(text) if code == 213 and text.isdigit() else None)
        data = await control.data()
        if download.done:
            await control.ask("REST %d" % download.done, 350)
        await control.ask("RETR " + name, 125, 150)
        while True:
            chunk = await data.read(CHUNK)
            if not chunk:
                break
            await download.take(chunk)
        await data.close()
        if download.size is not None and download.done < download.size:
            raise EOFError
        await control.expect("RETR", 226, 250)
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
        await control.ask("STOR " + name, 125, 150)
        for block in blocks(source):
            await data.write(block)
        await data.close()  # which is how FTP says that this was all
        await control.expect("STOR", 226, 250)
        ended = True
    finally:
        if data:
            await data.close()
        await control.close(ended)
