# boot.py and main.py open every contactor before anything can fail, whatever fails.
# MIT license; part of microevse
"""Both files as they are, over a fake `machine`; what they import is there, broken or missing. A
reset of the CPU leaves relays as they are: once an unreadable board.json, or a module that did
not import, left a contactor closed for good."""

import os
import sys

import evse_base
from evse_base import log
from fake_chip import Hal, chip
from helpers import Module

HERE = __file__.replace("\\", "/").rsplit("/", 1)[0] if "/" in __file__ else "."
FIRMWARE = HERE + "/../../firmware"
BOARD = (
    '{"chip": "esp32", "connectors": [{"contactor": {"pin": 26}, "cp": {"pwm": 27}},'
    ' {"contactor": {"pin": 25, "active_high": false}, "cp": {"pwm": 19}}]}'
)
SAFE = [(26, 0), (25, 1), (27, 1), (19, 1)]
# The bytes that keep() writes for this board.
KEPT = bytes([1, 26, 25 | 128, 27 | 128, 19 | 128])


def checked(body):
    from binascii import crc32

    return body + (crc32(body) & 0xFFFFFFFF).to_bytes(4, "little")


def compiled(name):
    """The code of FIRMWARE/NAME.py. On CPython it is found as an import finds it: the bench of
    mutants puts changed files in the way of imports."""
    try:
        from importlib.util import find_spec
    except ImportError:
        with open("%s/%s.py" % (FIRMWARE, name)) as file:
            return compile(file.read(), name + ".py", "exec")
    return find_spec(name).loader.get_code(name)


BOOT, MAIN = compiled("boot"), compiled("main")


class Start:
    """A start of the chip in an empty directory; everything is put back afterwards."""

    def __init__(self, nvs=None, board=None, broken_hal=False):
        self.nvs, self.board, self.broken_hal = nvs, board, broken_hal

    def __enter__(self):
        self.hal = Hal()
        self.hal.__enter__()
        if self.nvs is not None:
            chip.nvs["microevse", "outputs"] = self.nvs
        chip.pins[26], chip.pins[25] = 1, 0  # closed, as a reset of the CPU leaves them
        self.modules, self.path, self.cwd = dict(sys.modules), list(sys.path), os.getcwd()
        self.folder = "/tmp/microevse-boot-%d" % (id(self) & 0xFFFFFF)
        os.mkdir(self.folder)
        os.chdir(self.folder)
        if self.board is not None:
            with open("board.json", "w") as file:
                file.write(self.board)
        if self.broken_hal:
            os.mkdir("hal")
            with open("hal/__init__.py", "w") as file:
                file.write("raise MemoryError\n")
            sys.path.insert(0, self.folder)
        return self

    def __exit__(self, *exc):
        os.chdir(self.cwd)
        for name in ("board.json", "hal/__init__.py"):
            try:
                os.remove(self.folder + "/" + name)
            except OSError:
                pass
        if self.broken_hal:
            try:
                for name in os.listdir(self.folder + "/hal/__pycache__"):
                    os.remove(self.folder + "/hal/__pycache__/" + name)
                os.rmdir(self.folder + "/hal/__pycache__")
            except OSError:
                pass
            os.rmdir(self.folder + "/hal")
        os.rmdir(self.folder)
        for name in list(sys.modules):
            if name not in self.modules:
                del sys.modules[name]
        for name in self.modules:
            sys.modules[name] = self.modules[name]
        sys.path[:] = self.path
        self.hal.__exit__()


def boot():
    exec(BOOT, {"__name__": "__main__"})


def is_open():
    return chip.pins[26] == 0 and chip.pins[25] == 1


def test_boot_opens_without_any_file_what_the_nvs_names():
    for board in (None, "", "{", "[]", '{"connectors": []}', '{"connectors": [{}]}'):
        with Start(checked(KEPT), board):
            boot()
            assert is_open(), board
            # The very first thing that happens to the board, relays before pilots.
            assert chip.log[:4] == SAFE and sys.modules["outputs"] == SAFE
            assert chip.pins[27] == 1 and chip.pins[19] == 1


def test_rtc_pads_are_switched_off_before_any_pin_is_touched():
    """A pad of the RTC outlasts a reset of the system (hal/ulp_guard.py): ENABLE, OUT, timer."""
    seen = []

    class Registers:
        def __getitem__(self, address):
            return 0xFFFFFFFF

        def __setitem__(self, address, value):
            seen.append((address, value, len(chip.log)))

    with Start(checked(bytes([1, 127]) + KEPT[1:])):
        before = sys.modules["machine"].mem32
        sys.modules["machine"].mem32 = Registers()
        try:
            boot()
        finally:
            sys.modules["machine"].mem32 = before
        assert seen == [
            (0x3FF48414, 0xFFFFC000, 0),
            (0x3FF48408, 0xFFFFC000, 0),
            (0x3FF48018, 0xFEFFFFFF, 0),
        ], seen
        assert is_open() and chip.log[:4] == SAFE
    with Start(checked(KEPT)):
        boot()
        assert is_open(), "without the mark no register is touched"


def test_boot_opens_although_its_own_modules_are_broken():
    with Start(checked(KEPT), BOARD, broken_hal=True):
        boot()
        assert is_open() and sys.modules["outputs"] == SAFE


def test_boot_opens_what_the_board_file_names_where_nothing_was_kept():
    for nvs in (None, b"", b"\x01", checked(b"\x02" + KEPT[1:]), checked(KEPT) + b"more"):
        with Start(nvs, BOARD):
            boot()
            assert is_open() and sys.modules["outputs"] == SAFE, nvs


def test_a_damaged_value_drives_no_pin():
    good = checked(bytes([1, 13 | 128, 14]))
    for at in range(len(good)):
        with Start(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :], BOARD):
            boot()
            assert is_open() and not [pin for pin, _ in chip.log if pin in (13, 14, 9, 10)], at


def test_another_board_than_before_opens_the_relays_of_both():
    with Start(checked(bytes([1, 33, 32 | 128])), BOARD):
        boot()
        assert is_open() and sys.modules["outputs"] == [(33, 0), (32, 1)] + SAFE


def test_a_pin_that_cannot_be_driven_keeps_no_other_one_closed():
    with Start(checked(bytes([1, 26, 35, 25 | 128])), None):
        pin = sys.modules["machine"].Pin

        class Picky:
            OUT = pin.OUT

            def __call__(self, number, mode, value):
                if number == 35:
                    raise ValueError("pin can only be input")
                return pin(number, mode, value=value)

        sys.modules["machine"].Pin = Picky()
        boot()
        assert is_open() and sys.modules["outputs"] == [(26, 0), (25, 1)]


def test_a_value_of_another_format_drives_no_pin_of_its_own():
    with Start(checked(bytes([2, 13 | 128, 14])), BOARD):
        boot()
        assert is_open() and sys.modules["outputs"] == SAFE
        assert not [pin for pin, _ in chip.log if pin in (13, 14)]


def test_boot_reads_the_longest_value_that_is_ever_kept_and_no_longer_one():
    """Seventeen connectors are 39 bytes. Each pin of the value is driven, or none."""
    pins = list(range(34))
    with Start(checked(bytes([1] + pins)), None):
        boot()
        assert sys.modules["outputs"] == [(pin, 0) for pin in pins]
    for more in (2, 3, 6):  # 41, 42 and 45 bytes
        with Start(checked(bytes([1] + pins + [40] * more)), BOARD):
            boot()
            assert sys.modules["outputs"] == SAFE, more


def test_an_output_of_the_nvs_and_of_the_board_file_is_listed_once():
    with Start(checked(KEPT), BOARD):
        boot()
        assert chip.log == SAFE * 2, "each is driven by both"
        assert sys.modules["outputs"] == SAFE


def test_boot_starts_an_application_slot_and_goes_on_without_one():
    for fails in (None, OSError(5), MemoryError()):
        with Start(checked(KEPT), BOARD):
            import hal

            began = []

            def start():
                began.append(is_open())
                if fails is not None:  # noqa: B023
                    raise fails  # noqa: B023

            sys.modules["hal.appslot"] = hal.appslot = Module(start=start)
            boot()
            assert began == [True], "once, with the contactors open"


def test_boot_leaves_none_of_its_own_modules_to_the_application():
    """The slot brings its own; those of boot.py may be of another version."""
    with Start(checked(KEPT), BOARD):
        others = "station.hal", "halyard", "slotshop.slots"
        for name in others:
            sys.modules[name] = Module()
        boot()
        left = [n for n in sys.modules if n.split(".")[0] in ("hal", "slots")]
        assert not left, left
        for name in others:
            assert name in sys.modules, name
            del sys.modules[name]


def test_frozen_modules_go_before_files_of_the_same_name():
    """A leftover /hal of an older version went before the frozen one."""
    with Start(checked(KEPT)):
        sys.path[:] = ["", ".frozen", "/lib"]
        boot()
        assert sys.path == [".frozen", "", "/lib"]
    with Start(checked(KEPT)):
        sys.path[:] = ["/app_a", "/app_a/lib", "", ".frozen", "/lib"]
        boot()
        assert sys.path == ["/app_a", "/app_a/lib", ".frozen", "", "/lib"]


def test_a_module_path_without_frozen_modules_or_without_files_stays_as_it_is():
    for path in (["", "/lib"], [".frozen", "/lib"], ["/lib"]):
        with Start(checked(KEPT)):
            sys.path[:] = path
            boot()
            assert is_open() and sys.path == path


class Asyncio:
    """Runs nothing: what is given to it is the exception that leaves the application."""

    def __init__(self, exc):
        self.exc = exc

    def run(self, _):
        from hal import watchdog

        watchdog.Watchdog("esp32")  # as the application does
        chip.log.append("application")
        chip.pins[26], chip.pins[25] = 1, 0
        if self.exc is not None:
            raise self.exc


class NoWatchdog:
    """The console ends the application before it begins."""

    def run(self, _):
        chip.wdt_ms = 7
        raise KeyboardInterrupt


def no_memory(*args):
    raise MemoryError


def start_main(exc, **replaced):
    """Run main.py; the application ends with `exc`. `replaced`: modules; None: not to be found."""
    safe = Module(wanted=lambda: False, run=lambda: None)
    stopped = lambda: chip.log.append("stopped")  # noqa: E731
    app = Module(run=lambda: None, stop=stopped)
    modules = {
        "asyncio": Asyncio(exc),
        "blackbox": Module(start=lambda: None, crashed=lambda exc: chip.log.append("kept")),
        "safe_mode": safe,
        "app": app,
        "log": Module(error=lambda *args: None),
    }
    modules.update(replaced)
    evse_base.log = modules.pop("log")
    for name in modules:
        if modules[name] is not None:
            sys.modules[name] = modules[name]
        elif name in sys.modules:
            del sys.modules[name]
    try:
        exec(MAIN, {"__name__": "__main__"})
    finally:
        evse_base.log = log


def opened_first():
    """The relays are open, and nothing was done between the end and that."""
    after = (
        chip.log[chip.log.index("application") + 1 :] if "application" in chip.log else chip.log
    )
    return is_open() and after[:4] == SAFE


def test_main_opens_first_whatever_leaves_the_application():
    for exc in (ValueError("broken"), MemoryError(), SystemExit(), OSError(28), ImportError("x")):
        with Start(checked(KEPT), BOARD):
            boot()
            chip.log.clear()
            start_main(exc)
            assert opened_first() and chip.ends[0] == "system", exc
            assert chip.log.index("kept") < chip.log.index("system reset")
            # Without the mark the next start would take it for a panic.
            from hal import system

            assert system._read()[0] == 4


def test_main_opens_where_nothing_can_be_imported():
    """The modules for log and reset were imported first; where that failed, a soft reset kept the
    pins."""
    for missing in ("asyncio", "blackbox", "safe_mode", "app", "log"):
        with Start(checked(KEPT), BOARD):
            boot()
            chip.pins[26], chip.pins[25] = 1, 0
            chip.log.clear()

            class Broken:
                def __getattr__(self, name):
                    raise MemoryError

            start_main(ValueError("broken"), **{missing: Broken()})
            assert opened_first() and chip.ends and "cpu" in chip.ends, missing


def test_main_opens_when_its_own_handler_runs_out_of_memory():
    for name, broken in (
        ("log", Module(error=no_memory)),
        ("blackbox", Module(start=lambda: None, crashed=no_memory)),
    ):
        with Start(checked(KEPT), BOARD):
            boot()
            chip.log.clear()
            start_main(MemoryError(), **{name: broken})
            assert opened_first() and chip.ends == ["cpu"], name


def test_ctrl_c_opens_and_leaves_the_prompt():
    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(KeyboardInterrupt())
        assert opened_first() and not chip.ends and "stopped" in chip.log


def test_the_watchdog_gives_a_person_ten_minutes_where_a_slot_runs():
    """boot.py starts it for a slot alone: without one it would end the work of a developer."""
    for place, wanted in (
        ("/app_a", 600000),
        ("/app_b/lib", 600000),
        ("/lib", 7),
        ("/my/app_a", 7),
    ):
        with Start(checked(KEPT), BOARD):
            sys.path[:] = ["", place]
            chip.log.clear()
            start_main(None, asyncio=NoWatchdog())
            assert chip.wdt_ms == wanted, place


def test_garbage_is_collected_early_where_memory_is_small():
    """A sixteenth of what is free is collected; with PSRAM nothing is set."""
    for free, wanted in ((160, [10]), ((1 << 20) - 1, [65535]), (1 << 20, []), (4 << 20, [])):
        with Start(checked(KEPT), BOARD):
            boot()
            set_to = []
            memory = Module(mem_free=lambda: free, threshold=set_to.append)  # noqa: B023
            start_main(None, gc=memory)
            assert set_to == wanted, free


def test_safe_mode_runs_instead_of_the_application():
    for safe in (True, False):
        with Start(checked(KEPT), BOARD):
            boot()
            began = []
            start_main(
                None,
                safe_mode=Module(wanted=lambda: safe, run=lambda: began.append("safe")),  # noqa: B023
                app=Module(run=lambda: began.append("app")),
            )
            assert began == ["safe" if safe else "app"]
            assert ("safe_mode" in sys.modules) is safe, "its memory is given back"


def test_the_application_runs_where_the_collector_has_only_half_of_its_functions():
    """Then nothing is set."""
    for half in ({"mem_free": lambda: 160}, {"threshold": lambda amount: 1 // 0}, {}):
        with Start(checked(KEPT), BOARD):
            boot()
            chip.log.clear()
            start_main(None, gc=Module(**half))
            assert chip.log == ["application"] and not chip.ends, half


def early(exc):
    """A blackbox module at whose start `exc` is raised: the application is not there yet."""

    def start():
        chip.pins[26], chip.pins[25] = 1, 0
        chip.log.append("application")
        raise exc

    return Module(start=start, crashed=lambda exc: chip.log.append("kept"))


def test_ctrl_c_before_there_is_an_application_leaves_the_prompt():
    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(None, blackbox=early(KeyboardInterrupt()), app=None)
        assert opened_first() and not chip.ends


def test_a_failure_before_there_is_an_application_is_a_crash_like_any_other():
    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(None, blackbox=early(ValueError("broken")), app=None)
        assert opened_first() and chip.ends == ["cpu"] and "kept" in chip.log
        from hal import system

        assert system._read()[0] == 4


def test_a_failed_application_is_stopped_before_the_reset():
    """The tick runs on after the failure, and could close a contactor again."""
    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(ValueError("broken"))
        assert opened_first() and "stopped" in chip.log
        assert chip.log.index("stopped") < chip.log.index("kept")


def test_what_closes_while_the_application_is_stopped_is_opened_before_the_reset():
    def stop():
        chip.pins[26], chip.pins[25] = 1, 0
        chip.log.append("closed")
        raise OSError(5)

    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(ValueError("broken"), app=Module(run=lambda: None, stop=stop))
        assert is_open() and chip.ends == ["cpu"]
        assert chip.log[chip.log.index("closed") + 1 :] == SAFE + ["cpu reset"]


def test_the_last_words_are_watched_from_before_the_application_runs():
    with Start(checked(KEPT), BOARD):
        boot()
        chip.log.clear()
        start_main(None, blackbox=Module(start=lambda: chip.log.append("watched")))
        assert chip.log == ["watched", "application"]


class Console:
    """A `micropython` module whose line counts: the key that stops a program, -1 for none."""

    def __init__(self, interrupts=0):
        self.keys = []
        self.interrupts = interrupts

    def kbd_intr(self, key):
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        self.keys.append(key)


def started(console, lock=None, broken=None):
    """boot.py over a chip whose NVS has that lock; `broken`: what reading it raises."""
    if lock is not None:
        chip.nvs["microevse", "console"] = lock
    if broken:
        esp32 = sys.modules["esp32"]
        whole = esp32.NVS.get_blob

        def get_blob(self, key, buf):
            if key == "console":
                raise broken
            return whole(self, key, buf)

        esp32.NVS.get_blob = get_blob
    sys.modules["micropython"] = console
    try:
        boot()
    finally:
        if broken:
            esp32.NVS.get_blob = whole
    return console


def test_without_a_lock_ctrl_c_works_again_once_the_outputs_are_safe():
    with Start(checked(KEPT), BOARD):
        console = started(Console())
        assert console.keys == [-1, 3] and not sys.modules["console_locked"]
        chip.log.clear()
        start_main(KeyboardInterrupt(), micropython=console)
        assert console.keys == [-1, 3, -1, 3]
        assert opened_first() and not chip.ends and "stopped" in chip.log


def test_a_locked_console_stays_closed_from_the_first_line_on():
    with Start(checked(KEPT), BOARD):
        console = started(Console(), b"\x01")
        assert console.keys == [-1] and sys.modules["console_locked"]
        assert is_open(), "the start goes on"
        chip.log.clear()
        start_main(None, micropython=console)
        assert console.keys == [-1, -1] and "application" in chip.log
        assert chip.ends == ["cpu"], "after main.py comes the prompt"


def test_ctrl_c_in_the_first_microseconds_gives_no_prompt():
    with Start(checked(KEPT), BOARD):
        assert started(Console(1), b"\x01").keys == [-1]
        assert is_open()
        console = Console(1)
        start_main(None, micropython=console)
        assert console.keys == [-1] and "application" in chip.log
    with Start(checked(KEPT), BOARD):
        started(Console(), b"\x01")
        chip.log.clear()
        start_main(KeyboardInterrupt(), micropython=Console())
        assert opened_first() and chip.ends == ["cpu"]


def test_a_lock_that_cannot_be_read_is_a_lock_and_the_start_goes_on():
    for broken in (OSError(-0x1101, "ESP_ERR_NVS_NOT_INITIALIZED"), OSError(5), MemoryError()):
        with Start(checked(KEPT), BOARD):
            console = started(Console(), broken=broken)
            assert console.keys == [-1] and sys.modules["console_locked"], broken
            assert is_open()


def test_the_application_locks_for_good():
    with Start(checked(KEPT), BOARD):
        console = started(Console())
        from hal import kept

        assert not kept.lock_console(False) and console.keys == [-1, 3]
        assert ("microevse", "console") not in chip.nvs
        assert kept.lock_console(True) and console.keys == [-1, 3, -1]
        assert chip.nvs["microevse", "console"] == b"\x01"
        assert kept.lock_console(False), "the setting was lost: the lock is not"
        assert started(Console()).keys == [-1]
