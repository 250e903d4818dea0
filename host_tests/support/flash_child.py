# tools/flash.py for a fake board, without the waits in which nothing comes any more.
# MIT license; part of microevse
"""usage: flash_child.py silent|prompt ARGUMENTS of tools/flash.py

`silent`: the board has no prompt to give at the start, so the first search for one ends early. A
prompt that is there gets all of its time, however loaded the machine is.
"""

import sys

from tools_paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import flash  # noqa: E402
import seriallink  # noqa: E402

SILENT_S = 0.3
AFTER_S = 1  # of listening after the first line; the applications of the tests say just one


class FirstSilent(seriallink.Prompt):
    def __init__(self, port, tries=2):
        kept = seriallink.ENTER_S, seriallink.READ_S
        seriallink.Prompt = type(self).__base__
        seriallink.ENTER_S = seriallink.READ_S = SILENT_S
        try:
            super().__init__(port, tries)
        finally:
            seriallink.ENTER_S, seriallink.READ_S = kept


def command(board, *words, silent=None):
    """How tools/flash.py is started before this FakeBoard, if `board` is one. silent: what the
    board is at that time says whether a prompt will come, but a person may press its button."""
    if silent is None:
        silent = getattr(board, "boots", ["prompt"])[-1] in ("rom", "empty")
    return [sys.executable, __file__, "silent" if silent else "prompt", *map(str, words)]


if __name__ == "__main__":
    flash.LOG_AFTER_S = AFTER_S
    if sys.argv[1] == "silent":
        seriallink.Prompt = FirstSilent
    sys.exit(flash.main(sys.argv[2:]))
