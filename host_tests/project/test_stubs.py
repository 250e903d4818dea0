# The type stubs name what the modules of lib/ have, with the same parameters.
# MIT license; part of microevse
"""`make stubs` brings them up to date; types that were written by hand are kept."""

import ast

import stubs
from tools_paths import ROOT

SOURCE = '''
LIMIT = const(3)
_hidden = 1

class Meter:
    """A meter."""

    def __init__(self, bus, address=1):
        self.power_w = None
        self._bus = bus

    @property
    def ok(self):
        return self._bus is not None

    async def poll(self, now, *names, quick=False):
        pass

    def _own(self):
        pass

def find(text, start=0):
    return text[start:]
'''


def module(folder, source):
    path = folder / "meter.py"
    path.write_text(source)
    stub = path.with_suffix(".pyi")
    stub.write_text(stubs.stub(path))
    return path, stub


def test_every_stub_has_the_names_and_parameters_of_its_module():
    assert len(list(stubs.modules())) > 80
    assert not stubs.differences(), "\n".join(stubs.differences())


def test_stubs_are_python():
    for path in (ROOT / "lib").rglob("*.pyi"):
        ast.parse(path.read_text())


def test_a_change_of_names_or_parameters_is_found(tmp_path):
    path, stub = module(tmp_path, SOURCE)
    same = stubs.shape(path)
    assert same == stubs.shape(stub)
    assert set(same) == {
        "LIMIT", "Meter", "Meter.__init__", "Meter.ok", "Meter.poll", "find",
    }  # fmt: skip
    for old, new in (
        ("bus, address=1", "bus, address"),
        ("bus, address=1", "bus, address=1, baud=9600"),
        ("async def poll", "def poll"),
        ("    @property\n", ""),
        ("self.power_w", "self.watts"),
        ("def find(", "def seek("),
        ("quick=False", "slow=False"),
        ("LIMIT", "BOUND"),
    ):
        assert old in SOURCE
        path.write_text(SOURCE.replace(old, new, 1))
        assert stubs.shape(path) != stubs.shape(stub), (old, new)


def test_types_written_by_hand_are_kept(tmp_path):
    path, stub = module(tmp_path, SOURCE)
    text = stub.read_text()
    text = text.replace("bus: Any", "bus: Bus").replace("find(text: str", "find(text: bytes")
    stub.write_text("from modbus.rtu import Bus\n" + text)
    path.write_text(SOURCE.replace("bus, address=1", "bus, baud=9600, address=1"))
    again = stubs.stub(path)
    assert "from modbus.rtu import Bus" in again and "bus: Bus, baud: int = ..." in again
    assert "find(text: bytes" in again and "power_w: int | None" in again
