# Build description for MicroPython's ports/esp32 (BOARD_DIR=...).
# MIT license; part of microevse

set(IDF_TARGET esp32)

# Size of the flash; CMAKE_ARGS=-DMICROEVSE_FLASH=8 (or 16) for another one.
if(NOT MICROEVSE_FLASH)
    set(MICROEVSE_FLASH 4)
endif()

# CMAKE_ARGS=-DMICROEVSE_FROZEN=1 beside FROZEN_MANIFEST=.../manifest_app.py: no slots on 4 MB, as
# such an image is larger. With 8 MB or more it fits beside them.
set(MICROEVSE_KIND "")
if(MICROEVSE_FROZEN AND MICROEVSE_FLASH EQUAL 4)
    set(MICROEVSE_KIND "-frozen")
endif()

# The path of a partition table is taken relative to the port, and this folder is elsewhere.
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.partitions
    "CONFIG_ESPTOOLPY_FLASHSIZE_${MICROEVSE_FLASH}MB=y\n"
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="
    "\"${MICROPY_BOARD_DIR}/partitions-${MICROEVSE_FLASH}MiB${MICROEVSE_KIND}.csv\"\n")

# boards/sdkconfig.ble is left out on purpose: see mpconfigboard.h.
set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    ${SDKCONFIG_IDF_VERSION_SPECIFIC}
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${CMAKE_BINARY_DIR}/sdkconfig.partitions
)

# FROZEN_MANIFEST=... on make's command line goes before this one.
set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

set(MICROPY_SOURCE_BOARD ${MICROPY_BOARD_DIR}/board.c ${MICROPY_BOARD_DIR}/heap.c)

# The heap does not grow, and says so: heap.c. Read before the target is made, so it has this option.
add_link_options(-Wl,--wrap=gc_get_max_new_split)
