# What is changed in MicroPython's garbage collector and names, so that they have two owners.
# MIT license; part of microevse
"""EDITS: [(file, line as it is, what takes its place, how often it is there)].

chipheap/chipheap.c says what for. Each entry must be found exactly as often as it says: a newer
MicroPython in which one is not stops the build.
"""

_AREA = "MP_STATE_MEM(gc_last_free_area)"
_SPARED = "(area->owner == CHIPHEAP_CHIP && chipheap_owner == CHIPHEAP_HOST)"

EDITS = [
    # An area has an owner.
    (
        "py/mpstate.h",
        "typedef struct _mp_state_mem_area_t {",
        "typedef struct _mp_state_mem_area_t {\n    size_t owner;",
        1,
    ),
    (
        "py/gc.c",
        "    gc_setup_area(area, start, end);",
        "    gc_setup_area(area, start, end);\n    area->owner = chipheap_owner;",
        1,
    ),
    # A search begins in an area of its owner, and sees no other's.
    (
        "py/gc.c",
        "        area = %s;" % _AREA,
        "        area = chipheap_last_free[chipheap_owner];",
        1,
    ),
    (
        "py/gc.c",
        "        %s = area;" % _AREA,
        "        chipheap_last_free[area->owner] = area;",
        1,
    ),
    ("py/gc.c", "if (%s != area) {" % _AREA, "if (chipheap_last_free[area->owner] != area) {", 2),
    (
        "py/gc.c",
        "%s = &MP_STATE_MEM(area);" % _AREA,
        "chipheap_last_free[0] = chipheap_last_free[1] = &MP_STATE_MEM(area);",
        4,
    ),
    (
        "py/gc.c",
        "        for (; area != NULL; area = NEXT_AREA(area), i = 0) {",
        "        for (; area != NULL; area = NEXT_AREA(area), i = 0) {\n"
        "            if (area->owner != chipheap_owner) {\n"
        "                continue;\n            }",
        1,
    ),
    # What is moved stays with its owner.
    (
        "py/gc.c",
        "    void *ptr_out = gc_alloc(n_bytes, ftb_state);",
        "    unsigned char asking = chipheap_owner;\n    chipheap_owner = area->owner;\n"
        "    void *ptr_out = gc_alloc(n_bytes, ftb_state);\n    chipheap_owner = asking;",
        1,
    ),
    # Each has its threshold. One collection marks all; the board's sweeps its own areas alone.
    ("py/gc.c", "MP_STATE_MEM(gc_alloc_amount)", "chipheap_amount[chipheap_owner]", 4),
    ("py/gc.c", "MP_STATE_MEM(gc_alloc_threshold)", "chipheap_threshold[chipheap_owner]", 2),
    ("py/modgc.c", "MP_STATE_MEM(gc_alloc_threshold)", "chipheap_threshold[chipheap_owner]", 4),
    (
        "py/gc.c",
        "void gc_collect_start(void) {",
        "void gc_collect_start(void) {\n    ++chipheap_collections[chipheap_owner];",
        1,
    ),
    (
        "py/gc.c",
        "        // Small speed optimisation: skip over empty FTB blocks",
        "        if %s {\n            continue;\n        }" % _SPARED,
        1,
    ),
    (
        "py/gc.c",
        "        size_t last_used_block = 0;",
        "        if %s {\n"
        % _SPARED
        + "            for (size_t b = 0; b <= area->gc_last_used_block; b++) {\n"
        "                if (ATB_GET_KIND(area, b) == AT_MARK) {\n"
        "                    ATB_MARK_TO_HEAD(area, b);\n                }\n            }\n"
        "            prev_area = area;\n            continue;\n        }\n"
        "        size_t last_used_block = 0;",
        1,
    ),
    (
        "py/gc.c",
        "        if (last_used_block == 0 && prev_area != NULL) {",
        "        if (last_used_block == 0 && ATB_GET_KIND(area, 0) == AT_FREE\n"
        "            && prev_area != NULL\n"
        "            && area->owner == CHIPHEAP_CHIP && area != chipheap_first_area\n"
        "            && chipheap_grows) {",
        1,
    ),
    # Growth and figures go by the areas of the one who asks.
    (
        "py/gc.c",
        "        total_blocks += area->gc_alloc_table_byte_len * BLOCKS_PER_ATB;",
        "        if (area->owner == chipheap_owner) {\n"
        "            total_blocks += area->gc_alloc_table_byte_len * BLOCKS_PER_ATB;\n        }",
        1,
    ),
    (
        "py/gc.c",
        "        bool finish = false;",
        "        if (area->owner != chipheap_owner) {\n            continue;\n        }\n"
        "        bool finish = false;",
        1,
    ),
    # A name that the board has had before the program is one that the chip has to keep.
    (
        "py/qstr.c",
        "    qstr q = qstr_find_strn(str, len);",
        "    qstr q = qstr_find_strn(str, len);\n    if (q != 0) {\n"
        "        chipheap_name(q, len, data_is_static);\n    }",
        1,
    ),
    # chipheap.c takes up a slot of a pool for it.
    (
        "py/qstr.c",
        "static qstr qstr_add(mp_uint_t len,",
        "qstr chipheap_qstr_add(mp_uint_t len,",
        1,
    ),
    ("py/qstr.c", "qstr_add(len,", "chipheap_qstr_add(len,", 1),
]


def apply(tree):
    """Change the sources below `tree` (a Path). RuntimeError if they are others."""
    for name, old, new, times in EDITS:
        path = tree / name
        text = path.read_text()
        if text.count(old) != times:
            raise RuntimeError("%s has %r %d times" % (path, old, text.count(old)))
        path.write_text(text.replace(old, new))
