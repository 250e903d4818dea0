// Outputs of the board to their safe level before Python starts.
// MIT license; part of microevse
//
// A reset of the CPU leaves relays as they were. MicroPython mounts the file system before it runs
// boot.py, and where that is damaged it never gets there (modules/inisetup.py, fs_corrupted), so
// the same is done here, from the same value in the NVS: firmware/hal/kept.py says what it is.

#include <stddef.h>
#include <stdint.h>

#include "driver/gpio.h"
#include "esp_rom_gpio.h"
#include "nvs.h"
#if CONFIG_IDF_TARGET_ESP32
#include "soc/rtc_cntl_reg.h"
#include "soc/rtc_io_reg.h"
#endif

#define KEPT_MAX (40)
#define FORMAT (1)
#define CRC_SIZE (4)
#define RTC_PADS (127)

void boardctrl_startup(void); // MicroPython's own: makes the NVS ready

static uint32_t crc32(const uint8_t *data, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; ++i) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; ++bit) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static void drive(uint8_t output) {
#if CONFIG_IDF_TARGET_ESP32
    if (output == RTC_PADS) {
        // The contactor is at an RTC pad, which a reset of the system leaves as it was. Both
        // registers clear the bits that are written as 1; the ULP is not woken any more.
        REG_WRITE(RTC_GPIO_ENABLE_W1TC_REG, RTC_GPIO_ENABLE_W1TC_M);
        REG_WRITE(RTC_GPIO_OUT_W1TC_REG, RTC_GPIO_OUT_DATA_W1TC_M);
        REG_CLR_BIT(RTC_CNTL_STATE0_REG, RTC_CNTL_ULP_CP_SLP_TIMER_EN);
        return;
    }
#endif
    gpio_num_t pin = output & 127;
    if (!GPIO_IS_VALID_OUTPUT_GPIO(pin)) {
        return;
    }
    // The level first: no pulse.
    esp_rom_gpio_pad_select_gpio(pin);
    gpio_set_level(pin, output >> 7);
    gpio_set_direction(pin, GPIO_MODE_INPUT_OUTPUT);
}

void microevse_startup(void) {
    boardctrl_startup();
    nvs_handle_t nvs;
    if (nvs_open("microevse", NVS_READONLY, &nvs) != ESP_OK) {
        return; // has never started: nothing has been closed
    }
    uint8_t kept[KEPT_MAX];
    size_t size = sizeof(kept);
    esp_err_t found = nvs_get_blob(nvs, "outputs", kept, &size);
    nvs_close(nvs);
    if (found != ESP_OK || size < 1 + CRC_SIZE || size > sizeof(kept) || kept[0] != FORMAT) {
        return;
    }
    size -= CRC_SIZE;
    uint32_t crc = kept[size] | kept[size + 1] << 8 | kept[size + 2] << 16
        | (uint32_t)kept[size + 3] << 24;
    if (crc != crc32(kept, size)) {
        return;
    }
    for (size_t i = 1; i < size; ++i) {
        drive(kept[i]);
    }
}
