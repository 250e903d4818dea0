# The base image's heap: MicroPython's own garbage collector over the memory of a chip.
# MIT license; part of microevse
"""boards/micropython/MICROEVSE/heap.c is compiled for this host together with py/gc.c of
MicroPython, with the options that ports/esp32 and mpconfigboard.h give it, and started as
ports/esp32/main.c does it. The allocator of ESP-IDF is a stand-in: regions, of which the smallest
that is large enough is taken. For the chip it has never been built."""

import shutil
import struct
import subprocess

import frozen
import pytest
from tools_paths import ROOT

BOARD = ROOT / "boards" / "micropython" / "MICROEVSE"
GCC = shutil.which("gcc")
KIB = 1024
WANTED = 150 * KIB
SYSTEM = 87 * KIB
LEAST = 56 * KIB
# For four blocks the collector's tables have a byte and a half. A block is four words.
BLOCK = 4 * struct.calcsize("P")
TABLES = 1.5 / (4 * BLOCK + 1.5)

FILES = {
    "esp_heap_caps.h": """
#pragma once
#include <stddef.h>
#define MALLOC_CAP_DEFAULT 4096
size_t heap_caps_get_largest_free_block(unsigned caps);
size_t heap_caps_get_free_size(unsigned caps);
""",
    "genhdr/qstrdefs.generated.h": 'QDEF0(MP_QSTR___del__, 0, 0, "")\n',
    "genhdr/moduledefs.h": "",
    "genhdr/root_pointers.h": "void *microevse_heap_used;\n",
    # ports/esp32/mpconfigport.h includes the board's header first and sets these two always.
    "host_config.h": """
#include <stdint.h>
#include <alloca.h>
#include "mpconfigboard.h"
#undef MICROPY_VFS_ROM
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_MINIMUM)
#define MICROPY_ENABLE_GC (1)
#define MICROPY_ENABLE_FINALISER (1)
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef long mp_off_t;
#define MP_STATE_PORT MP_STATE_VM
""",
    "main.c": r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esp_heap_caps.h"
#include "py/gc.h"
#include "py/mpstate.h"
#include "py/runtime.h"

mp_state_ctx_t mp_state_ctx;
// What gc.c names and never calls here.
void mp_load_method_maybe(mp_obj_t a, qstr b, mp_obj_t *dest) { abort(); }
mp_obj_t mp_call_function_1_protected(mp_obj_t fun, mp_obj_t arg) { abort(); }

#define REGIONS (8)
static size_t left[REGIONS];
static char *at[REGIONS];
static int regions;
static size_t grudge; // bytes of a free block that malloc does not give
static int calls;

size_t heap_caps_get_largest_free_block(unsigned caps) {
    size_t best = 0;
    for (int i = 0; i < regions; ++i) {
        best = left[i] > best ? left[i] : best;
    }
    return best;
}
size_t heap_caps_get_free_size(unsigned caps) {
    size_t sum = 0;
    for (int i = 0; i < regions; ++i) {
        sum += left[i];
    }
    return sum;
}
void *idf_malloc(size_t size) {
    ++calls;
    int best = -1;
    for (int i = 0; i < regions; ++i) {
        if (left[i] >= size + grudge && (best < 0 || left[i] < left[best])) {
            best = i;
        }
    }
    if (best < 0) {
        return NULL;
    }
    void *start = at[best];
    at[best] += size;
    left[best] -= size;
    return start;
}
size_t gc_get_max_new_split(void) { // ports/esp32/gccollect.c
    return heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
}

static void *chain; // all objects that are alive
void gc_collect(void) {
    gc_collect_start();
    gc_collect_root(&chain, 1);
    gc_collect_end();
}
#define SMALL (MICROPY_BYTES_PER_GC_BLOCK)
static size_t fill(size_t size) {
    size_t count = 0;
    void **fresh;
    while ((fresh = gc_alloc(size, 0)) != NULL) {
        memset(fresh, 0, size);
        *fresh = chain;
        chain = fresh;
        ++count;
    }
    return count * size;
}
static size_t whole(void) { // are the objects still those that were made?
    size_t count = 0;
    for (void **one = chain; one != NULL; one = *one) {
        ++count;
    }
    return count;
}

int main(int argc, char **argv) {
    grudge = atoi(argv[1]);
    for (int i = 2; i < argc; ++i, ++regions) {
        left[regions] = atoi(argv[i]);
        at[regions] = calloc(1, left[regions] + 64);
        at[regions] += -(uintptr_t)at[regions] & 15;
    }
    void *mp_task_heap = MP_PLAT_ALLOC_HEAP(MICROPY_GC_INITIAL_HEAP_SIZE);
    if (mp_task_heap == NULL) {
        printf("restart\n");
        return 0;
    }
    printf("system %zu calls %d\n", heap_caps_get_free_size(0), calls);
    for (int reset = 0; reset < 3; ++reset) {
        gc_init(mp_task_heap, (char *)mp_task_heap + MICROPY_GC_INITIAL_HEAP_SIZE);
        MICROPY_PORT_INIT_FUNC;
        chain = NULL;
        gc_collect(); // before there is any object in the second area
        size_t small = fill(SMALL);
        gc_info_t info;
        gc_info(&info);
        // All but the newest go: what stays may be the first block of the second area.
        *(void **)chain = NULL;
        gc_collect();
        size_t again = fill(SMALL) + SMALL;
        size_t there = whole() * SMALL;
        chain = NULL;
        gc_collect();
        size_t large = fill(1024);
        chain = NULL;
        gc_collect();
        void *hard = gc_alloc(MICROPY_GC_INITIAL_HEAP_SIZE, 0);
        printf("small %zu again %zu there %zu large %zu split %zu hard %d\n", small, again, there,
            large, info.max_new_split, hard != NULL);
        gc_sweep_all();
    }
    printf("system %zu calls %d\n", heap_caps_get_free_size(0), calls);
    return 0;
}
""",
}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """fn(sizes of the regions, wrapped=..., grudge=...) -> (line of the log, what was seen)."""
    if not GCC:
        pytest.skip("NOT RUN: no gcc")
    try:
        source = frozen.sources()
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
    folder = tmp_path_factory.mktemp("heap")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    base = [GCC, "-std=gnu17", "-g", "-O1", "-Wall", "-Werror", '-DMP_CONFIGFILE="host_config.h"']
    base += ["-fsanitize=undefined", "-fno-sanitize=pointer-overflow"]
    base += ["-ffunction-sections", "-Wl,--gc-sections"]  # without what prints the heap
    base += ["-I%s" % path for path in (folder, source, BOARD)]
    objects = []
    for path, more in (
        (source / "py" / "gc.c", []),
        (BOARD / "heap.c", ["-Wextra", "-Dmalloc=idf_malloc", "-Wno-unused-parameter"]),
        (folder / "main.c", []),
    ):
        objects.append(folder / (path.stem + ".o"))
        subprocess.run([*base, *more, "-c", path, "-o", objects[-1]], check=True)
    wrap = [o for o in (BOARD / "mpconfigboard.cmake").read_text().split() if "-Wl," in o]
    assert len(wrap) == 1
    wrap = [wrap[0].partition("(")[2].rstrip(")")]
    for name, options in (("wrapped", wrap), ("plain", [])):
        subprocess.run([*base, *objects, *options, "-o", folder / name], check=True)

    def run(regions, wrapped=True, grudge=0):
        program = folder / ("wrapped" if wrapped else "plain")
        command = [program, str(grudge), *map(str, regions)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done
        log, *rest = done.stdout.splitlines()
        if rest == ["restart"]:
            return log, None
        rows = [line.split() for line in rest]
        rows = [dict(zip(row[::2], map(int, row[1::2]))) for row in rows]
        before, *rounds, after = rows
        assert before == after, "memory of the system was taken while Python ran"
        for seen in rounds:
            assert seen == rounds[0], "another heap after a soft reset"
        return log, {**rounds[0], "system": before["system"]}

    return run


# Regions of an ESP32 as `heap_init` prints them: with Bluetooth (ESP-IDF programming guide, "Heap
# Memory Allocation"), and as they may be without; nobody has printed those of the base image.
WITH_BLUETOOTH = (7288, 16648, 79912, 15072, 113840)
WITHOUT = (6560, 140008, 15072, 113840)
ONE_BLOCK = (6560, 160000, 15072, 113840)
TIGHT = (6560, 90000, 15072, 113840)


@pytest.mark.parametrize("regions", [WITHOUT, ONE_BLOCK, (300000,), (100000,) * 4])
@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("grudge", [0, 12])
def test_the_heap_has_its_size_in_one_block_or_two_and_never_more(start, regions, wrapped, grudge):
    """Also where the linker's option is lost: only what gc.mem_free() says is wrong then."""
    log, seen = start(regions, wrapped, grudge)
    assert "LESS" not in log, log
    taken = sum(regions) - seen["system"]
    assert WANTED - 2 * KIB < taken <= WANTED and seen["system"] >= SYSTEM
    for what in ("small", "large"):
        room = taken * (1 - TABLES)
        assert room - 3 * KIB < seen[what] <= room, what
    assert seen["again"] == seen["there"] == seen["small"]
    assert not seen["hard"], "there is never a block as large as the whole first area"
    assert (seen["split"] == 0) is wrapped


def test_one_block_is_enough_where_there_is_one(start):
    assert start(ONE_BLOCK)[0] == "heap: 153600 and 0 bytes, 141872 left for the system"
    assert start(WITHOUT)[0] == "heap: 140008 and 13592 bytes, 121880 left for the system"


@pytest.mark.parametrize("regions", [TIGHT, WITH_BLUETOOTH, (120000, 40000), (80000,), (57344,)])
def test_with_too_little_memory_the_heap_is_smaller_and_the_log_says_so(start, regions):
    """The system keeps its share as long as a heap is left with which Python starts."""
    log, seen = start(regions)
    taken = sum(regions) - seen["system"]
    assert log.endswith("LESS THAN IT SHOULD BE"), log
    assert seen["system"] >= SYSTEM - KIB or taken <= LEAST
    assert min(LEAST, sum(regions)) - 2 * KIB <= taken < WANTED
    assert seen["again"] == seen["there"] == seen["small"] > taken * (1 - TABLES) - KIB


@pytest.mark.parametrize("regions", [(30000, 20000), (8192, 5000), (5000,)])
def test_python_starts_with_whatever_there_is(start, regions):
    """MicroPython's own first block would not be there: it would restart for ever."""
    log, seen = start(regions)
    assert "LESS" in log and seen["small"] > 3000


def test_without_any_memory_micropython_restarts_as_it_always_did(start):
    """The outputs are at their safe level before (board.c); no heap means no Python."""
    assert start((2000, 1000)) == (
        "heap: 0 and 0 bytes, 3000 left for the system: LESS THAN IT SHOULD BE",
        None,
    )


def test_the_options_are_those_that_micropython_asks_a_board_for(start):
    """ports/esp32 and py/ take each from the board, under these names and at these places."""
    source = frozen.sources()
    main = (source / "ports" / "esp32" / "main.c").read_text()
    assert main.count("MP_PLAT_ALLOC_HEAP(MICROPY_GC_INITIAL_HEAP_SIZE)") == 1
    assert main.count("MICROPY_GC_INITIAL_HEAP_SIZE") == 2 and "#if MICROPY_GC" not in main
    port = (source / "ports" / "esp32" / "mpconfigport.h").read_text()
    assert port.index('#include "mpconfigboard.h"') < port.index("#ifndef MICROPY_GC_INITIAL_HEAP")
    for name in ("MP_PLAT_ALLOC_HEAP", "MP_PLAT_FREE_HEAP", "MICROPY_PORT_INIT_FUNC"):
        assert name not in port
    config = (source / "py" / "mpconfig.h").read_text()
    assert "#ifndef MP_PLAT_ALLOC_HEAP" in config and "#ifndef MP_PLAT_FREE_HEAP" in config
    runtime = (source / "py" / "runtime.c").read_text()
    assert "#ifdef MICROPY_PORT_INIT_FUNC\n    MICROPY_PORT_INIT_FUNC;" in runtime
    assert main.index("gc_init(") < main.index("mp_init()")
    cmake = (source / "ports" / "esp32" / "esp32_common.cmake").read_text()
    names = cmake[cmake.index("list(APPEND MICROPY_SOURCE_QSTR") :]
    assert "${MICROPY_SOURCE_BOARD}" in names[: names.index(")")], "root pointers are found there"
