# The web server in a process of its own, on either interpreter.
# MIT license; part of microevse
"""`Server` starts web_child.py, which has no charger, and asks over real sockets."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import microdot
from tools_paths import FIRMWARE_DIRS, ROOT, micropythonpath, tool
from twin.host import free_port

PASSWORD = "correct horse"
CHILD = ROOT / "host_tests" / "support" / "web_child.py"
STATIC = ROOT / "firmware" / "web" / "static"


class Answer:
    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else None
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        return self.headers["set-cookie"].split(";")[0]


class Server:
    def __init__(self, runtime, tmp_path, kind="preparing", password=PASSWORD, static=STATIC):
        self.port = free_port("127.0.0.1")
        env = dict(os.environ, STATIC=str(static))
        if runtime == "micropython":
            # microdot alone: the rest of site-packages is for CPython.
            packages = tmp_path / "packages"
            packages.mkdir(exist_ok=True)
            link = packages / "microdot"
            if not link.exists():
                link.symlink_to(pathlib.Path(microdot.__file__).parent)
            env["MICROPYPATH"] = micropythonpath(packages)
        else:
            env["PYTHONPATH"] = ":".join(str(p) for p in FIRMWARE_DIRS)
        command = [tool("micropython") if runtime == "micropython" else sys.executable]
        self.output = open(tmp_path / "output", "w+")
        self.process = subprocess.Popen(
            [*command, str(CHILD), str(self.port), kind, *([password] if password else [])],
            env=env,
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        for _ in range(100):
            try:
                self.connect().close()
                break
            except OSError:
                assert self.process.poll() is None, self.log()
                time.sleep(0.05)
        else:
            raise AssertionError("the server does not listen: " + self.log())

    def log(self):
        self.output.flush()
        return pathlib.Path(self.output.name).read_text()

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), 15, (source, 0))

    def raw(self, data):
        with self.connect() as s:
            s.sendall(data)
            received = b""
            while True:
                try:
                    part = s.recv(65536)
                except ConnectionResetError:
                    break
                if not part:
                    break
                received += part
        return received

    def request(self, method, path, body=None, **headers):
        given = {"Host": f"127.0.0.1:{self.port}"}
        if method != "GET":
            given["Origin"] = f"http://127.0.0.1:{self.port}"
            given["Content-Type"] = "application/json"
        given.update({k.replace("_", "-"): v for k, v in headers.items()})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            given["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in given.items() if v is not None]
        return Answer(self.raw("\r\n".join(lines + ["", ""]).encode() + (body or b"")))

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.request("POST", path, {} if body is None else body, **headers)

    def login(self):
        answer = self.post("/api/v1/login", {"password": PASSWORD})
        assert answer.status == 200, answer.body
        return answer.cookie

    def events(self, source="127.0.0.1"):
        s = self.connect(source)
        s.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: localhost:{self.port}\r\n\r\n".encode())
        return s

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.output.close()
