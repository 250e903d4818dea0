# Pictures of a session and of three faults, as an oscilloscope would show them.
# MIT license; part of microevse
"""usage: bench_plots.py    PNG files in build/plots (plots.py)"""

import sys

import places  # noqa: F401 (import paths)
import plots

if __name__ == "__main__":
    sys.exit(plots.main())
