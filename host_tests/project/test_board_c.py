# The board's few lines of C: outputs go to their safe level before Python starts.
# MIT license; part of microevse
"""Compiled for this host over a stand-in for ESP-IDF that writes down each call; the value in the
NVS is the one that hal.kept writes. For the chip it has never been built."""

import binascii
import json
import shutil
import struct
import subprocess
import sys

import pytest
from fake_chip import Hal, chip
from tools_paths import ROOT

BOARD_C = ROOT / "boards" / "micropython" / "MICROEVSE" / "board.c"
GCC = shutil.which("gcc")
# Reset reasons, soc/reset_reasons.h: those of the CPU keep the pins.
POWER, SYSTEM, DEEP_SLEEP, RTC_WATCHDOG = 1, 3, 5, 9
OF_THE_CPU = (11, 12, 13)
RESET = "write 3ff48000 80000100"
pytestmark = pytest.mark.skipif(not GCC, reason="NOT RUN: no gcc")

HEADERS = {
    "driver/gpio.h": """
typedef int gpio_num_t;
#define GPIO_NUM_MAX 40
#define GPIO_MODE_INPUT_OUTPUT 3
#define VALID (0xFFFFFFFFFFULL & ~(1ULL << 24 | 15ULL << 28))
#define GPIO_IS_VALID_OUTPUT_GPIO(n) ((n) >= 0 && ((1ULL << (n)) & VALID & ~(63ULL << 34)) != 0)
void gpio_set_level(gpio_num_t pin, uint32_t level);
void gpio_set_direction(gpio_num_t pin, int mode);
""",
    "esp_rom_gpio.h": "void esp_rom_gpio_pad_select_gpio(uint32_t pin);\n",
    "esp_rom_sys.h": """
// soc/reset_reasons.h
enum { RESET_REASON_CPU0_MWDT0 = 11, RESET_REASON_CPU0_SW = 12, RESET_REASON_CPU0_RTC_WDT = 13 };
int esp_rom_get_reset_reason(int cpu);
void esp_rom_delay_us(uint32_t us);
""",
    "bootloader_common.h": "uint32_t bootloader_common_get_chip_ver_pkg(void);\n",
    "soc/efuse_reg.h": """
#define EFUSE_RD_CHIP_VER_PKG_ESP32D2WDQ5 2
#define EFUSE_RD_CHIP_VER_PKG_ESP32U4WDH 4
#define EFUSE_RD_CHIP_VER_PKG_ESP32PICOD4 5
#define EFUSE_RD_CHIP_VER_PKG_ESP32PICOV302 6
""",
    "soc/rtc_cntl_reg.h": """
#define RTC_CNTL_OPTIONS0_REG 0x3FF48000
#define RTC_CNTL_SW_SYS_RST (1u << 31)
#define RTC_CNTL_STATE0_REG 0x3FF48018
#define RTC_CNTL_ULP_CP_SLP_TIMER_EN (1u << 24)
""",
    "soc/soc.h": """
uint32_t reg_read(uint32_t address);
void reg_write(uint32_t address, uint32_t value);
#define REG_SET_BIT(reg, bits) reg_write(reg, reg_read(reg) | (bits))
#define REG_CLR_BIT(reg, bits) reg_write(reg, reg_read(reg) & ~(bits))
#define REG_WRITE(reg, value) reg_write(reg, value)
""",
    "soc/rtc_io_reg.h": """
#define RTC_GPIO_ENABLE_W1TC_REG 0x3FF48414
#define RTC_GPIO_ENABLE_W1TC_M (0x3FFFFu << 14)
#define RTC_GPIO_OUT_W1TC_REG 0x3FF48408
#define RTC_GPIO_OUT_DATA_W1TC_M (0x3FFFFu << 14)
""",
    "nvs.h": """
typedef int esp_err_t;
typedef uint32_t nvs_handle_t;
#define ESP_OK 0
#define NVS_READONLY 0
esp_err_t nvs_open(const char *space, int mode, nvs_handle_t *out);
esp_err_t nvs_get_blob(nvs_handle_t nvs, const char *key, void *out, size_t *size);
void nvs_close(nvs_handle_t nvs);
""",
}
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include "nvs.h"
static unsigned char blob[256];
static size_t blob_size;
static int package, reason, deaf;
void esp_rom_delay_us(uint32_t us) { printf("wait %u\\n", (unsigned)us); }
int esp_rom_get_reset_reason(int cpu) { return cpu == 0 ? reason : 0; }
uint32_t bootloader_common_get_chip_ver_pkg(void) { return package; }
uint32_t reg_read(uint32_t address) { return address == 0x3FF48000 ? 0x100 : 0xFFFFFFFF; }
void reg_write(uint32_t address, uint32_t value) {
    printf("write %x %x\\n", address, value);
    if (address == 0x3FF48000 && !deaf) exit(0); // the chip is reset here
}
void boardctrl_startup(void) { printf("nvs ready\\n"); }
void esp_rom_gpio_pad_select_gpio(uint32_t pin) { printf("pad %u\\n", pin); }
void gpio_set_level(int pin, uint32_t level) { printf("level %d %u\\n", pin, level); }
void gpio_set_direction(int pin, int mode) { printf("output %d %d\\n", pin, mode); }
esp_err_t nvs_open(const char *space, int mode, nvs_handle_t *out) {
    *out = 7;
    return strcmp(space, "microevse") || mode != NVS_READONLY || !blob_size;
}
esp_err_t nvs_get_blob(nvs_handle_t nvs, const char *key, void *out, size_t *size) {
    if (nvs != 7 || strcmp(key, "outputs") || *size < blob_size) return 1;
    memcpy(out, blob, blob_size);
    *size = blob_size;
    return ESP_OK;
}
void nvs_close(nvs_handle_t nvs) { if (nvs == 7) printf("closed\\n"); }
void microevse_startup(void);
int main(int argc, char **argv) {
    if (argc != 5) return 2;
    deaf = atoi(argv[4]);
    package = atoi(argv[2]);
    reason = atoi(argv[3]);
    for (const char *at = argv[1]; *at; at += 2) {
        char two[3] = { at[0], at[1], 0 };
        blob[blob_size++] = strtoul(two, NULL, 16);
    }
    microevse_startup();
    return 0;
}
"""


# First of all, whatever is kept: a pad of the RTC stays as it was even in a reset of the system
# (hal/ulp_guard.py).
RTC_PADS_OFF = ["write 3ff48414 ffffc000", "write 3ff48408 ffffc000", "write 3ff48018 feffffff"]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """fn(bytes in the NVS, package of the chip, reset reason) -> lines of what the program did."""
    folder = tmp_path_factory.mktemp("board")
    for name, text in HEADERS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#pragma once\n#include <stddef.h>\n#include <stdint.h>\n" + text)
    (folder / "main.c").write_text(MAIN)
    program = folder / "start"
    command = [
        GCC,
        "-std=gnu17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=address,undefined",
        "-I",
        folder,
    ]
    subprocess.run([*command, folder / "main.c", BOARD_C, "-o", program], check=True)

    def run(kept, package=1, reason=POWER, deaf=0):
        command = [program, kept.hex(), str(package), str(reason), str(deaf)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and not done.stderr, done
        lines = done.stdout.splitlines()
        assert lines[:3] == RTC_PADS_OFF
        return lines[3:]

    return run


def kept(profile):
    with Hal("kept") as module:
        module.keep(profile)
        del sys.modules["outputs"]
        return chip.nvs["microevse", "outputs"]


def test_relays_and_pilots_of_every_board_are_driven(start):
    for path in sorted((ROOT / "boards").glob("*.toml")):
        sys.path.append(str(ROOT / "tools"))
        import board as tool

        profile = json.loads(json.dumps(tool.load_toml(path)))
        if profile["chip"] != "esp32":
            continue
        wanted = ["nvs ready", "closed"]
        for connector in profile["connectors"]:
            relay = connector["contactor"]
            level = 0 if relay.get("active_high", True) else 1
            wanted += ["pad %d" % relay["pin"], "level %d %d" % (relay["pin"], level)]
            wanted += ["output %d 3" % relay["pin"]]
        for connector in profile["connectors"]:
            pin = connector["cp"]["pwm"]
            wanted += ["pad %d" % pin, "level %d 1" % pin, "output %d 3" % pin]
        assert start(kept(profile)) == wanted, path.name


GOOD = {"connectors": [{"contactor": {"pin": 26}, "cp": {"pwm": 27}}]}


def values():
    """What may be in the NVS and is not what was kept."""
    good = kept(GOOD)
    yield from (b"", b"\x01", good[:-1], good + b"\0", bytes(40), bytes([1]) * 60, good[:5])
    for at in range(len(good)):
        yield good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    yield sealed(26, 27 | 128, form=2)
    yield sealed(*range(36))  # too long by a byte


@pytest.mark.parametrize("reason", (POWER, SYSTEM, DEEP_SLEEP, RTC_WATCHDOG, 15, 16))
def test_a_damaged_value_drives_nothing_and_the_start_goes_on(start, reason):
    """The pins float since such a reset. Another reset would be one for ever."""
    for bad in values():
        assert [line for line in start(bad, reason=reason) if line != "closed"] == ["nvs ready"]


@pytest.mark.parametrize("reason", OF_THE_CPU)
def test_where_nobody_knows_the_driven_pins_a_system_reset_lets_them_go(start, reason):
    """A damaged NVS, which MicroPython erases before it is read, left the contactor closed until
    boot.py had found board.json; for ever, where the file system was damaged, too."""
    for bad in values():
        lines = [line for line in start(bad, reason=reason) if line != "closed"]
        assert lines == ["nvs ready", RESET], bad
    assert RESET not in start(kept(GOOD), reason=reason)
    # A chip on which that does nothing goes on to boot.py.
    assert start(b"", reason=reason, deaf=1) == ["nvs ready", RESET, "wait 10000"]


def sealed(*outputs, form=1):
    """A value with these bytes, as if the application had kept them."""
    body = bytes([form, *outputs])
    return body + struct.pack("<I", binascii.crc32(body))


def driven(lines):
    return {int(line.split()[1]) for line in lines if not line.startswith(("nvs", "closed"))}


def test_pins_of_the_flash_and_pins_that_are_no_outputs_are_never_driven(start):
    """Whatever is kept: a flash pin that is driven ends this start and each one after it."""
    flash, inputs, none = set(range(6, 12)), set(range(34, 40)), {24, 28, 29, 30, 31}
    usable = set(range(34)) - flash - none
    inside = {2: True, 4: True, 5: True, 6: True}
    for package in range(8):
        allowed = usable - ({16, 17} if inside.get(package) else set())
        for first in range(0, 256, 32):
            values = range(first, first + 32)
            lines = start(sealed(*values), package)
            assert driven(lines) == {v & 127 for v in values} & allowed, (package, first)
    assert inputs.isdisjoint(usable)


def test_the_mark_of_an_rtc_pad_is_no_pin(start):
    """The value of a board with its guard in the ULP has a byte 127 before the pins."""
    made = kept({"guard": "ulp", "connectors": [{"contactor": {"pin": 27}, "cp": {"pwm": 25}}]})
    lines = start(made)
    assert [line for line in lines if line.startswith("level")] == ["level 27 0", "level 25 1"]


def test_with_no_output_in_a_sound_value_nothing_is_driven(start):
    assert start(sealed(), reason=12) == ["nvs ready", "closed"]


def test_a_pin_that_is_no_output_is_left_out(start):
    made = kept({"connectors": [{"contactor": {"pin": 35}, "cp": {"pwm": 27}}]})
    assert start(made) == ["nvs ready", "closed", "pad 27", "level 27 1", "output 27 3"]
