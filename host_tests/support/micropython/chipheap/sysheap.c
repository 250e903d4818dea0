// The system heap of an ESP32, as ESP-IDF divides it: regions, blocks, sizes.
// MIT license; part of microevse
//
// heap_caps_malloc() asks one region after the other (components/heap/heap_caps.c). A region is a
// TLSF heap (components/heap/tlsf): a header of one word before each block, sizes in words, and
// free blocks in lists by size class: 16 classes to each power of two. A request is answered from
// the first class in which each block is large enough, so a block that is only just large enough
// is not found, and the largest size that heap_caps_get_largest_free_block() tells is that of a
// class. Taken here: the smallest block that is found, the lowest address of equal ones.

#include "sysheap.h"

#include <string.h>

#define HEADER (4)
#define LEAST (12) // a free block holds two links and its size
#define CLASSES_BITS (4)
#define REGION_SHIFT (24)

typedef struct {
    uint32_t at; // of its content, behind the header
    uint32_t size; // of its content
    bool used;
} block_t;

// All blocks of all regions by address: at most SYSHEAP_BLOCKS.
static block_t blocks[SYSHEAP_BLOCKS];
static size_t count;
static struct {
    uint32_t total, free, least;
} regions[SYSHEAP_REGIONS];
static size_t region_count;

static unsigned top_bit(uint32_t size) {
    return 31 - __builtin_clz(size);
}

// The size that a request is rounded up to before a class is looked for.
static uint32_t rounded(uint32_t size) {
    size = (size + 3) & ~(uint32_t)3;
    if (size < LEAST) {
        size = LEAST;
    }
    if (size >= 1u << (CLASSES_BITS + 3)) {
        uint32_t step = 1u << (top_bit(size) - CLASSES_BITS);
        size = (size + step - 1) & ~(step - 1);
    }
    return size;
}

// The largest request that a free block of this size answers.
static uint32_t usable(uint32_t size) {
    if (size >= 1u << (CLASSES_BITS + 3)) {
        size &= ~((1u << (top_bit(size) - CLASSES_BITS)) - 1);
    }
    return size;
}

void sysheap_reset(void) {
    count = region_count = 0;
    memset(regions, 0, sizeof(regions));
}

bool sysheap_region(uint32_t size) {
    if (region_count == SYSHEAP_REGIONS || count == SYSHEAP_BLOCKS || size < LEAST + HEADER) {
        return false;
    }
    blocks[count].at = ((uint32_t)(region_count + 1) << REGION_SHIFT) + HEADER;
    blocks[count].size = (size & ~(uint32_t)3) - HEADER;
    blocks[count].used = false;
    regions[region_count].total = size;
    regions[region_count].free = regions[region_count].least = blocks[count].size;
    ++count;
    ++region_count;
    return true;
}

static size_t region_of(uint32_t at) {
    return (at >> REGION_SHIFT) - 1;
}

uint32_t sysheap_take(uint32_t size, size_t first) {
    if (size == 0 || size >= 1u << REGION_SHIFT || count == SYSHEAP_BLOCKS) {
        return 0;
    }
    uint32_t wanted = rounded(size);
    uint32_t exact = (size + 3) & ~(uint32_t)3;
    if (exact < LEAST) {
        exact = LEAST;
    }
    size_t best = count;
    for (size_t i = 0; i < count; ++i) {
        if (best < count && region_of(blocks[i].at) != region_of(blocks[best].at)) {
            break; // the next region is not asked
        }
        if (!blocks[i].used && region_of(blocks[i].at) >= first && blocks[i].size >= wanted
            && (best == count || blocks[i].size < blocks[best].size)) {
            best = i;
        }
    }
    if (best == count) {
        return 0;
    }
    block_t *found = &blocks[best];
    if (found->size >= exact + HEADER + LEAST) {
        memmove(found + 2, found + 1, (count - best - 1) * sizeof(block_t));
        found[1].at = found->at + exact + HEADER;
        found[1].size = found->size - exact - HEADER;
        found[1].used = false;
        found->size = exact;
        ++count;
        regions[region_of(found->at)].free -= HEADER;
    }
    found->used = true;
    size_t region = region_of(found->at);
    regions[region].free -= found->size;
    if (regions[region].free < regions[region].least) {
        regions[region].least = regions[region].free;
    }
    return found->at;
}

// Joins block i with the next one, if both are free and of one region.
static void join(size_t i) {
    if (i + 1 >= count || blocks[i].used || blocks[i + 1].used
        || region_of(blocks[i].at) != region_of(blocks[i + 1].at)) {
        return;
    }
    blocks[i].size += HEADER + blocks[i + 1].size;
    regions[region_of(blocks[i].at)].free += HEADER;
    memmove(&blocks[i + 1], &blocks[i + 2], (count - i - 2) * sizeof(block_t));
    --count;
}

bool sysheap_give(uint32_t address) {
    for (size_t i = 0; i < count; ++i) {
        if (blocks[i].at == address && blocks[i].used) {
            blocks[i].used = false;
            regions[region_of(address)].free += blocks[i].size;
            join(i);
            if (i > 0) {
                join(i - 1);
            }
            return true;
        }
    }
    return false;
}

size_t sysheap_count(void) {
    return region_count;
}

sysheap_info_t sysheap_info(size_t region) {
    sysheap_info_t info = {0};
    info.total = regions[region].total;
    info.free = regions[region].free;
    info.least = regions[region].least;
    for (size_t i = 0; i < count; ++i) {
        if (region_of(blocks[i].at) == region && !blocks[i].used) {
            uint32_t size = usable(blocks[i].size);
            if (size > info.largest) {
                info.largest = size;
            }
        }
    }
    return info;
}

uint32_t sysheap_largest(void) {
    uint32_t largest = 0;
    for (size_t i = 0; i < count; ++i) {
        if (!blocks[i].used && usable(blocks[i].size) > largest) {
            largest = usable(blocks[i].size);
        }
    }
    return largest;
}
