# `make bench`: every claim of speed, time, wear and memory, measured.
# MIT license; part of microevse
"""usage: run_benches.py [NAME ...]   runs host_tests/benches/bench_NAME.py, by default all of them

The output goes to the terminal and to build/bench/NAME.txt, headed by the machine it was measured
on. Host figures are never on-chip figures: the meaning of a number is said beside it.
"""

import os
import pathlib
import platform
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCHES = ROOT / "host_tests" / "benches"
OUT = ROOT / "build" / "bench"


def machine():
    """One line: processor, cores, system, interpreters."""
    model = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    beside = pathlib.Path(sys.executable).with_name("micropython")
    upy = "none"
    if beside.exists():
        done = subprocess.run([str(beside), "--version"], capture_output=True, text=True)
        upy = done.stdout.strip()
    return "%s, %s cores, %s %s, CPython %s; %s" % (
        model,
        os.cpu_count(),
        platform.system(),
        platform.machine(),
        platform.python_version(),
        upy,
    )


def run(name, where):
    """Run one benchmark; its output is shown and kept. Returns its exit status."""
    OUT.mkdir(parents=True, exist_ok=True)
    head = "== %s\n   on %s" % (name, where)
    print(head, flush=True)
    began = time.monotonic()
    with open(OUT / (name + ".txt"), "w", encoding="utf-8") as file:
        file.write(head + "\n")
        with subprocess.Popen(
            [sys.executable, str(BENCHES / ("bench_%s.py" % name))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            for line in child.stdout:
                print("   " + line, end="", flush=True)
                file.write(line)
    print("   took %.0f s\n" % (time.monotonic() - began), flush=True)
    return child.returncode


def main(names):
    known = sorted(p.stem[len("bench_") :] for p in BENCHES.glob("bench_*.py"))
    for name in names:
        if name not in known:
            sys.exit("no benchmark %r; known: %s" % (name, ", ".join(known)))
    where = machine()
    failed = [name for name in names or known if run(name, where)]
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main(sys.argv[1:])
