# If memory is too short to keep a log line over a reset, the program goes on.
# MIT license; part of microevse
"""On MicroPython with its heap filled up: a program that logs a warning goes on, and the words
are kept once there is room again."""

import asyncio

import pytest
from tools_paths import ROOT, tool
from twin.host import Twin

pytestmark = pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")

_PROGRAM = """
import asyncio, gc, blackbox
from evse_base import log
from hal import system


async def main():
    blackbox.start()
    for number in range(40):
        log.info("app", "line %d of those that fill what is kept", number)
    await asyncio.sleep(3)
    gc.collect()
    full = None
    try:
        while True:
            full = (full, bytearray(900))  # no piece is left that the words fit into
    except MemoryError:
        log.warn("app", "memory is tight")
        print("went on")
    full = None
    blackbox.keep_up()
    print("then kept:", "tight" in system.kept_words())


asyncio.run(main())
"""


def test_a_warning_in_a_full_heap_is_kept_later(tmp_path):
    (tmp_path / "main.py").write_text(_PROGRAM)

    async def play():
        folders = [tmp_path, ROOT / "firmware", ROOT / "lib"]
        twin = Twin(firmware=folders, hold=True, heap="300k")
        try:
            await twin.start()
            await twin.advance(20)
            return twin.log_lines
        finally:
            await twin.stop()

    lines = asyncio.run(asyncio.wait_for(play(), 60))
    told = "\n".join(lines)
    assert "went on" in lines and "then kept: True" in lines, told
    assert "Traceback" not in told and "MemoryError" not in told, told
