# The whole bench protocol against the virtual board, as a person would run it.
# MIT license; part of microevse
"""Run by `make bench ARGS=protocol`. Prints what the steps measured on the model, and what the
board checker says of the file: that it is one of the virtual board, and nothing else."""

import pathlib
import sys
import tempfile

import places  # noqa: F401 (import paths)
from protocol_scene import scene
from chipbench import evidence

if __name__ == "__main__":
    with scene(times=20, seconds=60) as on:
        on.bench.say = lambda text: print(text, flush=True)
        ended = on.run()
        text = on.text()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "evidence.toml"
        path.write_text(text)
        found = evidence.load(path)
    told = evidence.problems(found, on.board)
    print("\n%s; %d bytes; %d facts confirmed, %d refuted" % (
        ended, len(text), sum(f["result"] == "confirmed" for f in found["fact"]),
        sum(f["result"] == "refuted" for f in found["fact"]),
    ))  # fmt: skip
    for reason in told:
        print("-", reason)
    sys.exit(len(told) != 1 or "virtual board" not in told[0])
