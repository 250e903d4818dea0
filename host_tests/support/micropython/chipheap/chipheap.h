// Two owners in one garbage-collected heap: the program of the chip, and the virtual board.
// MIT license; part of microevse
//
// Included before each file of MicroPython (tools/frozen.py), with the edits of edits.py in py/.

#ifndef MICROEVSE_CHIPHEAP_H
#define MICROEVSE_CHIPHEAP_H

#include <stdbool.h>
#include <stddef.h>

#define CHIPHEAP_HOST (0)
#define CHIPHEAP_CHIP (1)

// Whose memory is asked for now.
extern unsigned char chipheap_owner;
// By owner: where the next search begins, blocks since the last collection, and the threshold.
extern void *chipheap_last_free[2];
extern size_t chipheap_amount[2];
extern size_t chipheap_threshold[2];
extern size_t chipheap_collections[2];
// The chip's first area stays, whatever is in it.
extern void *chipheap_first_area;
extern bool chipheap_grows;

void *chipheap_alloc_area(size_t size);
void chipheap_free_area(void *area);
size_t gc_get_max_new_split(void);
void chipheap_name(size_t q, size_t len, bool is_static);

#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
#define MP_PLAT_ALLOC_HEAP(size) chipheap_alloc_area(size)
#define MP_PLAT_FREE_HEAP(area) chipheap_free_area(area)
#define MICROPY_WRAP_MP_EXECUTE_BYTECODE(f) f##_inner

#endif
