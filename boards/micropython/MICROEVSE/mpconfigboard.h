// MicroPython on an ESP32 for a charger: application in flash, run where it lies.
// MIT license; part of microevse

#define MICROPY_HW_BOARD_NAME "microevse"
#define MICROPY_HW_MCU_NAME "ESP32"

// The application's bytecode is taken from the partition `romfs` in place: no heap for code.
#define MICROPY_VFS_ROM (1)

// No Bluetooth: its code does not fit the partition, its memory belongs to TLS.
#define MICROPY_PY_BLUETOOTH (0)

// The heap is taken once, in at most two blocks, and does not grow: heap.c.
#include <stddef.h>
size_t microevse_heap_size(void);
void *microevse_heap_take(size_t size);
void microevse_heap_add(void);
#define MICROPY_GC_INITIAL_HEAP_SIZE (microevse_heap_size())
#define MP_PLAT_ALLOC_HEAP(size) microevse_heap_take(size)
#define MP_PLAT_FREE_HEAP(ptr) ((void)(ptr))
#define MICROPY_PORT_INIT_FUNC microevse_heap_add()

// Relays are opened before Python starts: board.c.
#define MICROPY_BOARD_STARTUP microevse_startup
void microevse_startup(void);
