# The flash and heap that the program takes: per module, per package and in each situation.
# MIT license; part of microevse
"""usage: bench_memory.py [base] [frozen] [rom] [--write]    (make bench ARGS=memory)

base: heap of imports from a slot of the base image, by cause, measured at 32 bit; and what the
application and the images take of the flash.
frozen: situations of a frozen build, measured at 32 bit (tools/frozen.py); nothing is converted.
rom: heap of imports at 32 bit (MicroPython as WebAssembly under node).
Without a word all. --write: keep the figures as the budget that test_memory_budget.py holds.
"""

import asyncio
import json
import sys

import places  # noqa: F401 (import paths)
import flash_budget
import footprint
import frozen
import heap_causes
import memory_budget
import memory_run


OFFLINE_S = 3600


def _sum(rows, key=lambda name: name.partition(".")[0]):
    sums = {}
    for name, size in rows:
        sums[key(name)] = sums.get(key(name), 0) + size
    return sums


def imports(names):
    """Print the table of packages; returns the figures from ROM at 32 bit, or None."""
    sizes = footprint.build()[2]
    print("flash, bytes of .mpy (-O2, with line numbers), by module:")
    for name in sorted(sizes):
        print("  %6d  %s" % (sizes[name], name))
    all_o2 = sum(sizes.values())
    all_o3 = sum(footprint.build("-O3")[2].values())
    print(
        "  %6d  in all; -O3 would save %d (%.0f %%) and with them the line numbers of"
        " tracebacks" % (all_o2, all_o2 - all_o3, 100 * (all_o2 - all_o3) / all_o2)
    )
    rom, files = footprint.heap32(names), footprint.heap32(names, rom=False)
    if rom is None:
        print("NOT RUN: heap at 32 bit (no node, or its package cannot be fetched)")
        return None
    print("heap after import, resident modules of esp32_devkitc, bytes at 32 bit:")
    flash, ram, ram_rom = _sum(sizes.items()), _sum(files["rows"]), _sum(rom["rows"])
    print("  %8s %8s %8s" % (".mpy", "stock", "from ROM"))
    for package in sorted(ram_rom, key=ram_rom.get, reverse=True):
        row = (flash.get(package, 0), ram[package], ram_rom[package], package)
        print("  %8d %8d %8d  %s" % row)
    pools = footprint.pools(rom["names"])
    print("  %8s %8d %8d  pools of %d names" % ("", pools, pools, rom["names"]))
    stock, in_place = footprint.total(files) + pools, footprint.total(rom) + pools
    print("  %8s %8d %8d  in all" % ("", stock, in_place))
    return rom


def measured():
    """Print the heap in each situation of a frozen build, in bytes at 32 bit."""
    try:
        interpreter = frozen.build()
    except frozen.Missing as exc:
        print("NOT RUN: frozen, 32 bit: %s" % exc)
        return
    columns = []
    for features, tls in (("all", False), ("named", True)):
        heap = str(footprint.PLAIN_ESP32)
        seen = asyncio.run(memory_run.situations(features, heap, tls, OFFLINE_S, interpreter))
        columns.append([(name, seen[name][0]) for name in seen])
    print("frozen, 32 bit, measured (of %d bytes on a plain ESP32):" % footprint.PLAIN_ESP32)
    print("  %8s %10s" % ("all, ws", "named, wss"))
    for (name, whole), (_, named) in zip(*columns):
        print("  %8d %10d  %s" % (whole, named, name))
    for what, column in zip(("all, ws", "named, wss"), columns):
        worst = max(taken for _, taken in column)
        print("  %s: %d bytes at most, %d free" % (what, worst, footprint.PLAIN_ESP32 - worst))


def base_image():
    """Print the heap that importing from a slot takes, by cause and module, and sizes in flash."""
    for line in flash_budget.lines():
        print(line)
    try:
        interpreter = frozen.build("base")
    except frozen.Missing as exc:
        print("NOT RUN: base image, 32 bit: %s" % exc)
        return
    rows = heap_causes.table(footprint.order(footprint.RESIDENT_ROOTS), interpreter)
    print("heap after import from a slot of the base image, by cause, bytes at 32 bit:")
    form = "  %9s" * (len(heap_causes.CAUSES) + 1) + "  %s"
    print(form % (*heap_causes.CAUSES, "in all", ""))
    for name in sorted(rows, key=lambda name: -sum(rows[name])):
        print(form % (*rows[name], sum(rows[name]), name))
    sums = [sum(column) for column in zip(*rows.values())]
    print(form % (*sums, sum(sums), "in all, of %d" % memory_budget.IMPORTS))
    packages = _sum([(name, sum(row)) for name, row in rows.items()])
    print("by package:")
    for package in sorted(packages, key=packages.get, reverse=True):
        print("  %9d  %s" % (packages[package], package))


def main(arguments):
    every = not [word for word in arguments if word in ("base", "frozen", "rom")]
    if every or "base" in arguments:
        base_image()
    if every or "frozen" in arguments:
        measured()
    if every or "rom" in arguments:
        from_rom(arguments)


def from_rom(arguments):
    """Print what is taken where code is executed from a ROM image."""
    names = footprint.order(footprint.RESIDENT_ROOTS)
    rom = imports(names)
    if rom is None:
        return
    if "--write" in arguments:
        memory_budget.PATH.write_text(
            json.dumps(dict(rom["rows"]), indent=1, sort_keys=True) + "\n"
        )
    footprint.forget()


if __name__ == "__main__":
    main(sys.argv[1:])
