# Three days of network trouble: how soon the charger is back, and the heap that this takes.
# MIT license; part of microevse
"""usage: bench_network.py [HOURS [SEED [ws|wss]]]    both schemes by default"""

import sys

import places  # noqa: F401 (import paths)
from network_life import live

if __name__ == "__main__":
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 72
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for scheme in sys.argv[3:4] or ("ws", "wss"):
        live(hours, seed, scheme == "wss", lambda text: print(text, flush=True))
