// MicroPython on an ESP32 for a charger: application in flash, run where it lies.
// MIT license; part of microevse

#define MICROPY_HW_BOARD_NAME "microevse"
#define MICROPY_HW_MCU_NAME "ESP32"

// The application's bytecode is taken from the partition `romfs` in place: no heap for code.
#define MICROPY_VFS_ROM (1)

// No Bluetooth: its code does not fit the partition, its memory belongs to TLS.
#define MICROPY_PY_BLUETOOTH (0)

// Relays are opened before Python starts: board.c.
#define MICROPY_BOARD_STARTUP microevse_startup
void microevse_startup(void);
