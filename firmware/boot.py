# First code that runs: outputs to their safe level, then the application slot to start from.
# MIT license; part of microevse
"""A panic, the task watchdog and machine.reset() reset the CPU only: pins and PWM are as they were
before (ESP-IDF, components/esp_system/port/soc/esp32/system_internal.c), contactors closed. So
this comes first: it drives the outputs that the application has kept in the NVS (see hal/kept.py),
without any file; then those of board.json.

After power-up, and after a reset of the system, pins float until here: the board's
pull-downs keep relays open.

If anything else fails here, main.py still runs next, with the files of the file system."""

# No Ctrl-C until it is known that the console is open. MicroPython lets it in just before this
# line.
micropython = None
try:
    import micropython

    micropython.kbd_intr(-1)
except BaseException:  # it came within these few microseconds
    try:
        import micropython

        micropython.kbd_intr(-1)
    except BaseException as exc:
        print("boot: console:", repr(exc))

import sys  # noqa: E402

# A file with the name of a built-in module would be taken for it (py/builtinimport.c).
_places = sys.path[:]
sys.path[:] = [".frozen"]

import machine  # noqa: E402

# (pin, safe level) of each output. By this name main.py and hal.system find the list.
outputs = sys.modules["outputs"] = []


def drive(pin, level):
    try:
        machine.Pin(pin, machine.Pin.OUT, value=level)
        if (pin, level) not in outputs:
            outputs.append((pin, level))
    except Exception as exc:
        print("boot: pin", pin, repr(exc))


try:
    from binascii import crc32

    from esp32 import NVS

    _kept = bytearray(40)
    _size = NVS("microevse").get_blob("outputs", _kept) - 4
    if _kept[0] != 1 or crc32(_kept[:_size]) != int.from_bytes(_kept[_size : _size + 4], "little"):
        raise ValueError("damaged")
    for _pin in _kept[1:_size]:
        if _pin == 127:
            # No pin: the contactor is at an RTC pad (hal/ulp_guard.py), which outlasts even a
            # reset of the system. First ENABLE and OUT of all of them, then the ULP's timer.
            machine.mem32[0x3FF48414] = 0xFFFFC000
            machine.mem32[0x3FF48408] = 0xFFFFC000
            machine.mem32[0x3FF48018] &= 0xFEFFFFFF
        else:
            drive(_pin & 127, _pin >> 7)
except Exception as exc:
    # A board that has never started: nothing has been closed yet.
    print("boot: no outputs in the NVS:", repr(exc))

# Locked by the setting ConsoleLocked (hal/kept.py), or it cannot be read whether it is. main.py
# finds the answer by this name.
_locked = True
try:
    _lock = bytearray(1)
    NVS("microevse").get_blob("console", _lock)
    _locked = _lock[0] != 0
except Exception as exc:
    if isinstance(exc, OSError) and exc.args[0] == -0x1102:  # ESP_ERR_NVS_NOT_FOUND: never locked
        _locked = False
    else:
        print("boot: console locked:", repr(exc))
sys.modules["console_locked"] = _locked
if not _locked and hasattr(micropython, "kbd_intr"):
    micropython.kbd_intr(3)

sys.path[:] = _places

# Frozen modules go before files of an older version, as boot.py itself does where it is frozen.
if "" in sys.path and ".frozen" in sys.path:
    sys.path.remove("")
    sys.path.insert(sys.path.index(".frozen") + 1, "")

try:
    from hal import board, kept

    for _output in kept.outputs(board.load()):
        drive(*_output)
except Exception as exc:
    # The application reports the reason.
    print("boot: board.json:", repr(exc))

try:
    from hal import appslot

    appslot.start()
except Exception as exc:
    print("boot: no application slot:", repr(exc))

# The modules imported here may be of another version than those of the application: drop them.
for _name in list(sys.modules):
    if _name.split(".")[0] in ("hal", "slots"):
        del sys.modules[_name]
