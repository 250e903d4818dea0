# The Modbus master and the meters against pymodbus, over a pseudo terminal.
# MIT license; part of microevse
"""pymodbus is the other side: its framing, its data store, its checks.

Its RTU server listens on a TCP port, because its serial transport wants another package;
a thread carries the bytes between that port and a pseudo terminal, and can spoil them. The
master is `lib/modbus` with a UART object on the terminal's other end: in this process on
CPython, and in a child on MicroPython.
"""

import asyncio
import json
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import threading
import tty

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from tools_paths import ROOT, micropythonpath, tool

CHILD = ROOT / "host_tests" / "support" / "modbus_child.py"
STATION = 7
VALUES = {
    0x0000: 230.25, 0x0002: 229.75, 0x0004: 231.0,
    0x0006: 15.875, 0x0008: 16.0, 0x000A: 15.75,
    0x000C: 3660.0, 0x000E: 3677.0, 0x0010: 3638.0,
    0x0034: 10975.0, 0x0046: 50.0, 0x0048: 1234.5, 0x0156: 1300.5,
}  # fmt: skip
EXPECTED = {
    "voltage_mv": [230250, 229750, 231000],
    "current_ma": [15875, 16000, 15750],
    "power_w": 10975,
    "energy_mwh": 1234500000,
    "frequency_mhz": 50000,
}


# An invented meter: every type, both word orders, behind the Eastron registers.
TABLE = [
    {"value": "energy", "register": 0x160, "type": "u32", "unit": "0.01 kWh"},
    {"value": "power_l1", "register": 0x162, "type": "s16", "unit": "W"},
    {"value": "power_l2", "register": 0x163, "type": "s32", "unit": "0.1 W", "low_first": True},
    {"value": "current_l1", "register": 0x165, "type": "u16", "unit": "0.01 A"},
    {"value": "voltage_l1", "register": 0x166, "type": "f32", "unit": "V", "low_first": True},
    {"value": "frequency", "register": 0x168, "type": "u16", "unit": "0.01 Hz", "function": 4},
]
TABLE_EXPECTED = {
    "energy_mwh": 1234560000,
    "power_w": -120 + 3000,
    "current_ma": [15900],
    "voltage_mv": [230250],
    "frequency_mhz": 49980,
    "error": None,
}


def registers():
    """All input registers from 0 on, as pymodbus wants them."""
    words = [0] * 0x0170
    words[0x160:0x162] = 123456 >> 16, 123456 & 0xFFFF
    words[0x162] = 0x10000 - 120
    words[0x163:0x165] = 30000, 0
    words[0x165] = 1590
    high, low = struct.unpack(">HH", struct.pack(">f", 230.25))
    words[0x166:0x168] = low, high
    words[0x168] = 4998
    for register, value in VALUES.items():
        words[register], words[register + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return words


def context():
    words = registers()
    return SimDevice(STATION, [SimData(0, values=words, datatype=DataType.REGISTERS)])


class Peer:
    """pymodbus on a pseudo terminal; `.path` is the end for the master.

    spoil(data) -> data may change, delay or swallow what the station says.
    """

    def __init__(self):
        self.spoil = None
        self.requests = 0
        self._port = None
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._server_thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._server_thread.start()
        assert self._ready.wait(20), "pymodbus does not listen"
        self._near, self._far = pty.openpty()
        tty.setraw(self._near)
        tty.setraw(self._far)
        self.path = os.ttyname(self._far)
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._carrier = threading.Thread(target=self._carry)
        self._carrier.start()

    async def _serve(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self._port = s.getsockname()[1]
        server = ModbusTcpServer(
            context(), framer=FramerType.RTU, address=("127.0.0.1", self._port)
        )
        await server.serve_forever(background=True)
        self._ready.set()
        while not self._stop.is_set():
            await asyncio.sleep(0.05)
        await server.shutdown()

    def _carry(self):
        while not self._stop.is_set():
            ready, _, _ = select.select([self._near, self._socket], [], [], 0.05)
            if self._near in ready:
                data = os.read(self._near, 512)
                self.requests += 1
                # On a line all other stations keep silent; pymodbus would answer with an error.
                if data[0] == STATION:
                    self._socket.sendall(data)
            if self._socket in ready:
                data = self._socket.recv(512)
                if not data:
                    break
                if self.spoil:
                    data = self.spoil(data)
                for part in data if isinstance(data, list) else [data]:
                    if part:
                        os.write(self._near, part)
                        if isinstance(data, list):
                            self._stop.wait(0.01)

    def close(self):
        self._stop.set()
        self._carrier.join()
        self._server_thread.join()
        self._socket.close()
        os.close(self._near)
        os.close(self._far)


@pytest.fixture(scope="module")
def line():
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(autouse=True)
def sound(line):
    line.spoil = None


@pytest.fixture(params=["micropython", "cpython"])
def ask(request, line):
    """ask(**what) -> dict that modbus_child.py prints, run by either interpreter."""
    env = dict(os.environ)
    if request.param == "micropython":
        if not tool("micropython"):
            pytest.skip("NOT RUN: no MicroPython wheel for this platform")
        command = tool("micropython")
        env["MICROPYPATH"] = micropythonpath()
    else:
        command = sys.executable
        env["PYTHONPATH"] = str(ROOT / "lib")

    def asker(**what):
        done = subprocess.run(
            # Not as an argument: MicroPython takes none of more than 255 characters.
            [command, str(CHILD), line.path],
            input=json.dumps(what) + "\n",
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    return asker


def test_registers_are_read_as_pymodbus_holds_them(ask):
    for function in (3, 4):
        answer = ask(address=STATION, function=function, register=0, count=18)
        words = registers()[:18]
        assert bytes.fromhex(answer["data"]) == struct.pack(">18H", *words)


def test_longest_read_there_is(ask):
    answer = ask(address=STATION, function=4, register=0, count=125)
    assert bytes.fromhex(answer["data"]) == struct.pack(">125H", *registers()[:125])


def test_register_that_does_not_exist_is_refused_with_its_code(ask):
    answer = ask(address=STATION, function=4, register=0x4000, count=2)
    assert (answer["error"], answer["code"]) == ("Refused", 2)


def test_station_that_does_not_exist_does_not_answer(ask):
    answer = ask(address=STATION + 1, function=4, register=0, count=2)
    assert answer["error"] == "NoAnswer"


@pytest.mark.parametrize(
    "model,phases", [("sdm120", 1), ("sdm230", 1), ("sdm630", 3), ("sdm72v2", 3)]
)
def test_meters_read_what_pymodbus_holds(ask, model, phases):
    answer = ask(model=model, address=STATION)
    expected = dict(EXPECTED)
    if phases == 1:
        for key in ("voltage_mv", "current_ma"):
            expected[key] = expected[key][:1]
        expected["power_w"] = 3660
    assert answer == expected


def test_meter_with_totals_only(ask):
    answer = ask(model="sdm72", address=STATION)
    assert (answer["power_w"], answer["energy_mwh"]) == (10975, 1234500000)
    assert answer["voltage_mv"] == answer["current_ma"] == []


def test_answer_in_single_bytes_is_put_together(ask, line):
    line.spoil = lambda data: [data[i : i + 1] for i in range(len(data))]
    answer = ask(address=STATION, function=4, register=0, count=2)
    assert bytes.fromhex(answer["data"]) == struct.pack(">f", 230.25)


def test_one_spoilt_answer_is_asked_for_again(ask, line):
    for how in (
        lambda data: data[:-3],
        lambda data: b"",
        lambda data: data[:3] + bytes([data[3] ^ 0x10]) + data[4:],
        lambda data: b"\x09" + data[1:],
    ):
        spoilt = []

        def once(data, how=how, spoilt=spoilt):
            if spoilt:
                return data
            spoilt.append(data)
            return how(data)

        line.spoil = once
        before = line.requests
        answer = ask(address=STATION, function=4, register=0, count=2)
        assert bytes.fromhex(answer["data"]) == struct.pack(">f", 230.25)
        assert spoilt and line.requests == before + 2


def test_answers_that_stay_spoilt_are_errors(ask, line):
    for how, error in (
        (lambda data: data[:-1], "BadFrame"),
        (lambda data: b"", "NoAnswer"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "BadFrame"),
    ):
        line.spoil = how
        answer = ask(address=STATION, function=4, register=0, count=2)
        assert answer["error"] == error


def without_age(values):
    return {name: value for name, value in values.items() if name != "age_ms"}


def test_meter_of_a_table_reads_what_pymodbus_holds(ask):
    (values,) = ask(table=TABLE, address=STATION)
    assert without_age(values) == TABLE_EXPECTED and values["age_ms"] < 1000


def test_meter_of_a_table_takes_no_wrong_value_and_its_values_age(ask, line):
    """The first poll is sound (two readings of two requests), then every answer is spoilt."""
    for how in (
        lambda data: data[:-3],
        lambda data: b"",
        lambda data: data[:5] + bytes([data[5] ^ 0x10]) + data[6:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ):
        seen = []

        def later(data, how=how, seen=seen):
            seen.append(data)
            return data if len(seen) <= 4 else how(data)

        line.spoil = later
        first, second, third = ask(table=TABLE, address=STATION, polls=3)
        assert without_age(first) == TABLE_EXPECTED
        for bad in (second, third):
            assert bad["error"]
            assert without_age({**bad, "error": None}) == TABLE_EXPECTED
        assert 0 < second["age_ms"] < third["age_ms"]


def test_table_with_a_register_that_does_not_exist_says_so(ask):
    row = dict(TABLE[0], register=0x5000)
    (values,) = ask(table=[row], address=STATION)
    assert "illegal data address" in values["error"] and values["energy_mwh"] is None
