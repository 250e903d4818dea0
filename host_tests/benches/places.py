# The import paths of the benchmarks; each imports this first.
# MIT license; part of microevse
"""With it a benchmark runs alone: python host_tests/benches/bench_NAME.py"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import tools_paths  # noqa: E402, F401
