// The system heap of an ESP32, as ESP-IDF divides it: regions, blocks, sizes.
// MIT license; part of microevse
//
// Only addresses and sizes: there is no memory behind them. twin/system_heap.py does the same in
// Python, and a test compares the two.

#ifndef MICROEVSE_SYSHEAP_H
#define MICROEVSE_SYSHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSHEAP_REGIONS (8)
#define SYSHEAP_BLOCKS (1024)

typedef struct {
    uint32_t total;
    uint32_t free;
    uint32_t largest; // that can be asked for
    uint32_t least; // free, ever
} sysheap_info_t;

void sysheap_reset(void);
// Adds a region; those added first are asked first. False if there are too many.
bool sysheap_region(uint32_t size);
// The address of a block, 0 if no region from number `first` on has room. Addresses of region n,
// which is counted from 0, begin at (n + 1) << 24.
uint32_t sysheap_take(uint32_t size, size_t first);
// False if no block begins there.
bool sysheap_give(uint32_t address);
size_t sysheap_count(void);
sysheap_info_t sysheap_info(size_t region);
// The largest block that can be asked for, in any region.
uint32_t sysheap_largest(void);

#endif
