# The board's few lines of C: outputs go to their safe level before Python starts.
# MIT license; part of microevse
"""Compiled for this host over a stand-in for ESP-IDF that writes down each call; the value in the
NVS is the one that hal.kept writes. For the chip it has never been built."""

import json
import shutil
import subprocess
import sys

import pytest
from fake_chip import Hal, chip
from tools_paths import ROOT

BOARD_C = ROOT / "boards" / "micropython" / "MICROEVSE" / "board.c"
GCC = shutil.which("gcc")
pytestmark = pytest.mark.skipif(not GCC, reason="NOT RUN: no gcc")

HEADERS = {
    "driver/gpio.h": """
typedef int gpio_num_t;
#define GPIO_MODE_INPUT_OUTPUT 3
#define GPIO_IS_VALID_OUTPUT_GPIO(n) ((n) >= 0 && (n) < 34 && (n) != 24)
void gpio_set_level(gpio_num_t pin, uint32_t level);
void gpio_set_direction(gpio_num_t pin, int mode);
""",
    "esp_rom_gpio.h": "void esp_rom_gpio_pad_select_gpio(uint32_t pin);\n",
    "soc/rtc_io_reg.h": """
#include <stdio.h>
#define RTC_GPIO_ENABLE_W1TC_REG 0x3ff48414
#define RTC_GPIO_ENABLE_W1TC_M (0x3FFFFu << 14)
#define RTC_GPIO_OUT_W1TC_REG 0x3ff48408
#define RTC_GPIO_OUT_DATA_W1TC_M (0x3FFFFu << 14)
#define REG_WRITE(a, b) printf("write %x %x\\n", (unsigned)(a), (unsigned)(b))
#define REG_CLR_BIT(a, b) printf("clear %x %x\\n", (unsigned)(a), (unsigned)(b))
""",
    "soc/rtc_cntl_reg.h": """
#define RTC_CNTL_STATE0_REG 0x3ff48018
#define RTC_CNTL_ULP_CP_SLP_TIMER_EN (1 << 24)
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
    if (argc != 2) return 2;
    for (const char *at = argv[1]; *at; at += 2) {
        char two[3] = { at[0], at[1], 0 };
        blob[blob_size++] = strtoul(two, NULL, 16);
    }
    microevse_startup();
    return 0;
}
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """fn(bytes in the NVS) -> lines of what the program did."""
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
        "-fsanitize=undefined",
        "-DCONFIG_IDF_TARGET_ESP32=1",
        "-I",
        folder,
    ]
    subprocess.run([*command, folder / "main.c", BOARD_C, "-o", program], check=True)

    def run(kept):
        done = subprocess.run([program, kept.hex()], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done
        return done.stdout.splitlines()

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


def test_rtc_pads_are_switched_off_before_any_pin_is_driven(start):
    """A reset of the system leaves them as they were: hal/ulp_guard.py."""
    made = kept({"guard": "ulp", "connectors": [{"contactor": {"pin": 27}, "cp": {"pwm": 25}}]})
    lines = start(made)
    assert lines[2:5] == [
        "write 3ff48414 ffffc000",
        "write 3ff48408 ffffc000",
        "clear 3ff48018 1000000",
    ]
    assert lines[5:] == [
        "pad 27", "level 27 0", "output 27 3", "pad 25", "level 25 1", "output 25 3"
    ]  # fmt: skip


def test_a_damaged_value_drives_nothing(start):
    good = kept({"connectors": [{"contactor": {"pin": 26}, "cp": {"pwm": 27}}]})
    for at in range(len(good)):
        bad = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert start(bad) == ["nvs ready", "closed"], at
    for bad in (b"", b"\x01", good[:-1], good + b"\0", bytes(40), bytes([1]) * 60):
        assert [line for line in start(bad) if line.startswith(("pad", "level"))] == []


def test_a_pin_that_is_no_output_is_left_out(start):
    made = kept({"connectors": [{"contactor": {"pin": 35}, "cp": {"pwm": 27}}]})
    assert start(made) == ["nvs ready", "closed", "pad 27", "level 27 1", "output 27 3"]
