// Outputs of the board to their safe level before Python starts.
// MIT license; part of microevse
//
// A reset of the CPU leaves relays as they were. MicroPython mounts the file system before it runs
// boot.py, and where that is damaged it never gets there (modules/inisetup.py, fs_corrupted), so
// the same is done here, from the same value in the NVS: firmware/hal/kept.py says what it is.
// Where there is no such value, nobody knows which pins are driven: a reset of the system, which a
// CPU reset is not, lets all of them float, and the board's pull-downs open the relays.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bootloader_common.h"
#include "driver/gpio.h"
#include "esp_rom_gpio.h"
#include "esp_rom_sys.h"
#include "nvs.h"
#include "soc/efuse_reg.h"
#include "soc/rtc_cntl_reg.h"
#include "soc/rtc_io_reg.h"
#include "soc/soc.h"

#define KEPT_MAX (40)
#define FORMAT (1)
#define CRC_SIZE (4)

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

// The chip runs its program from the flash at these pins: to drive one ends every start.
static bool is_flash(int pin) {
    if (pin >= 6 && pin <= 11) {
        return true;
    }
    if (pin != 16 && pin != 17) {
        return false;
    }
    // Chips with the flash inside have it there: ESP32-D2WD, U4WDH, PICO-D4, PICO-V3.
    switch (bootloader_common_get_chip_ver_pkg()) {
        case EFUSE_RD_CHIP_VER_PKG_ESP32D2WDQ5:
        case EFUSE_RD_CHIP_VER_PKG_ESP32U4WDH:
        case EFUSE_RD_CHIP_VER_PKG_ESP32PICOD4:
        case EFUSE_RD_CHIP_VER_PKG_ESP32PICOV302:
            return true;
        default:
            return false;
    }
}

static void drive(uint8_t output) {
    int pin = output & 127;
    // Before the macro shifts by it.
    if (pin >= GPIO_NUM_MAX || !GPIO_IS_VALID_OUTPUT_GPIO(pin) || is_flash(pin)) {
        return;
    }
    // The level first: no pulse.
    esp_rom_gpio_pad_select_gpio(pin);
    gpio_set_level((gpio_num_t)pin, output >> 7);
    gpio_set_direction((gpio_num_t)pin, GPIO_MODE_INPUT_OUTPUT);
}

// Number of bytes before the checksum; 0 if no value is there, or not the one that was kept.
static size_t load(uint8_t *kept) {
    nvs_handle_t nvs;
    if (nvs_open("microevse", NVS_READONLY, &nvs) != ESP_OK) {
        return 0;
    }
    size_t size = KEPT_MAX;
    esp_err_t found = nvs_get_blob(nvs, "outputs", kept, &size);
    nvs_close(nvs);
    if (found != ESP_OK || size < 1 + CRC_SIZE || size > KEPT_MAX || kept[0] != FORMAT) {
        return 0;
    }
    size -= CRC_SIZE;
    uint32_t crc = kept[size] | kept[size + 1] << 8 | kept[size + 2] << 16
        | (uint32_t)kept[size + 3] << 24;
    return crc == crc32(kept, size) ? size : 0;
}

// A contactor at an RTC pad (guard in the ULP): such a pad stays as it was even in a reset of the
// system, and nobody needs to have kept that it is one. On other boards this changes nothing: no
// pin is given to the RTC there. The first two registers clear the bits that are written as 1.
static void rtc_pads_off(void) {
    REG_WRITE(RTC_GPIO_ENABLE_W1TC_REG, RTC_GPIO_ENABLE_W1TC_M);
    REG_WRITE(RTC_GPIO_OUT_W1TC_REG, RTC_GPIO_OUT_DATA_W1TC_M);
    REG_CLR_BIT(RTC_CNTL_STATE0_REG, RTC_CNTL_ULP_CP_SLP_TIMER_EN); // the ULP is not woken
}

void microevse_startup(void) {
    rtc_pads_off();
    boardctrl_startup();
    uint8_t kept[KEPT_MAX];
    size_t size = load(kept);
    for (size_t i = 1; i < size; ++i) {
        drive(kept[i]);
    }
    if (size != 0) {
        return;
    }
    switch (esp_rom_get_reset_reason(0)) {
        case RESET_REASON_CPU0_MWDT0:
        case RESET_REASON_CPU0_SW:
        case RESET_REASON_CPU0_RTC_WDT:
            // Once: the reason is another one after it.
            REG_SET_BIT(RTC_CNTL_OPTIONS0_REG, RTC_CNTL_SW_SYS_RST);
            // It takes effect at once. If it should not, boot.py still opens by board.json.
            esp_rom_delay_us(10000);
            return;
        default:
            return; // floating since the reset
    }
}
