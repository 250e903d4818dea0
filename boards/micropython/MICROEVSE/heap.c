// MicroPython's heap: taken once, at the start, and never larger.
// MIT license; part of microevse
//
// MicroPython takes a small block and doubles its heap, as far as there is memory (py/gc.c,
// gc_try_add_heap): what it takes then is missing for WiFi and TLS. It restarts, for ever, where
// that first block cannot be had (ports/esp32/main.c). Here the first block is as large as there
// is one, a second one makes up the rest, and the garbage collector is refused any other.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "esp_heap_caps.h"
#include "py/gc.h"
#include "py/mpstate.h"

// Bytes in all, with the collector's tables.
#define WANTED (150 * 1024)
// Left for the system: WiFi 35 KB, a TLS connection 27 KB, 24 KB in reserve.
#define SYSTEM (87 * 1024)
// Without so much no application starts: MicroPython's own first block on an ESP32.
#define LEAST (56 * 1024)
// A smaller block is not worth its tables.
#define SMALLEST (4 * 1024)
#define STEP (1024)

typedef struct {
    void *start;
    size_t size;
} area_t;

static area_t first, second;
static bool given;

// Marks the second area as used: the collector frees an area without objects, and takes one whose
// only object lies in its first block for such a one (gc_sweep_free_blocks).
MP_REGISTER_ROOT_POINTER(void *microevse_heap_used);

static area_t take(size_t size) {
    size_t largest = heap_caps_get_largest_free_block(MALLOC_CAP_DEFAULT);
    if (size > largest) {
        size = largest;
    }
    // What the allocator calls free it may still refuse.
    for (; size >= SMALLEST; size -= STEP) {
        void *start = malloc(size);
        if (start != NULL) {
            return (area_t) { start, size };
        }
    }
    return (area_t) { NULL, 0 };
}

static size_t total(void) {
    size_t system = heap_caps_get_free_size(MALLOC_CAP_DEFAULT);
    if (system >= WANTED + SYSTEM) {
        return WANTED;
    }
    return system > LEAST + SYSTEM ? system - SYSTEM : LEAST;
}

// MICROPY_GC_INITIAL_HEAP_SIZE: main.c asks at each start of Python, also after a soft reset.
size_t microevse_heap_size(void) {
    if (first.start == NULL) {
        size_t wanted = total();
        first = take(wanted);
        if (wanted - first.size >= SMALLEST) {
            second = take(wanted - first.size);
        }
        printf("heap: %u and %u bytes, %u left for the system%s\n", (unsigned)first.size,
            (unsigned)second.size, (unsigned)heap_caps_get_free_size(MALLOC_CAP_DEFAULT),
            first.size + second.size < WANTED - SMALLEST ? ": LESS THAN IT SHOULD BE" : "");
    }
    return first.size;
}

// MP_PLAT_ALLOC_HEAP: main.c takes the first block once; the collector would take more.
void *microevse_heap_take(size_t size) {
    if (given || size != first.size) {
        return NULL;
    }
    given = true;
    return first.start;
}

// MICROPY_PORT_INIT_FUNC: each time when Python starts, after gc_init().
void microevse_heap_add(void) {
    if (second.start == NULL) {
        return;
    }
    gc_add(second.start, (char *)second.start + second.size);
    // The area's description is at its start (gc_add). Two blocks: see above.
    MP_STATE_MEM(gc_last_free_area) = second.start;
    MP_STATE_VM(microevse_heap_used) = gc_alloc(2 * MICROPY_BYTES_PER_GC_BLOCK, 0);
    MP_STATE_MEM(gc_last_free_area) = &MP_STATE_MEM(area);
}

// In place of gc_get_max_new_split() (mpconfigboard.cmake): gc.mem_free() would count memory that
// the heap could take, and it takes none.
size_t __wrap_gc_get_max_new_split(void) {
    return 0;
}
