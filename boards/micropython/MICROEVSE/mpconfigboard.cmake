# Build description for MicroPython's ports/esp32 (BOARD_DIR=...).
# MIT license; part of microevse

set(IDF_TARGET esp32)

# sdkconfig.ble is left out on purpose: see mpconfigboard.h.
set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.240mhz
    ${MICROPY_BOARD_DIR}/sdkconfig.board
)

# With FROZEN_MANIFEST=... on make's command line that one is taken instead.
if(NOT MICROPY_FROZEN_MANIFEST)
    set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)
endif()
