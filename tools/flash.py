#!/usr/bin/env python3
# The firmware onto a board, up to its first log lines.
# MIT license; part of microevse
"""usage: flash.py [BOARD] [--port PORT] [--firmware micropython.bin] [--set Key=Value ...]
       [--features all|named]    in place of what the board file says
       [--update-key FILE]    updates must be signed with it: sign.pem, release-key.pem, update.pub
       [--app DIR]    what `make build` made, for many boards; else it is built now

It finds out chip, flash, PSRAM and MicroPython, and refuses what does not suit them. Without BOARD
it lists the board files for this module, and changes nothing.

With --firmware everything on the chip is erased, the journal with its sessions too, and
MicroPython, a partition table with two application slots, the application in the first one and a
file system are written and compared. The charger gets a secret for its set-up network, and its
label is shown. Without --firmware MicroPython stays. The application then goes into the slot that
does not run. If the table has no slots, the changed files of the application are copied instead.
Settings and certificates stay. `Key=?` asks for a value without showing it. The journal has the
values that were changed on the page or by the central system since: they go before these.
"""

import argparse
import getpass
import hashlib
import json
import pathlib
import re
import shlex
import sys
import tempfile
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "lib")]
sys.path.append(str(ROOT / "firmware"))

import board as board_profile  # noqa: E402
import build  # noqa: E402
import cableslot  # noqa: E402
import espflash  # noqa: E402
import given  # noqa: E402
import image  # noqa: E402
import label_files  # noqa: E402
import module  # noqa: E402
from evse_base import log  # noqa: E402
import partitions  # noqa: E402
import provisioning  # noqa: E402
import seriallink  # noqa: E402
from hal import kept  # noqa: E402
from seriallink import OLDEST, Trouble  # noqa: E402
from station.settings import Settings  # noqa: E402
import update_key  # noqa: E402

LOG_WAIT_S = 30
LOG_AFTER_S = 3  # listening goes on so long after the first line
LOG_LINES = 12
# Longer than any copying: the charger's watchdog cannot be stopped, only given more time.
WATCHDOG_MS = 600000
# How often esptool tries where another way to the chip is left.
FEW = 2
# Files with these suffixes that are not in this build belong to an older application.
OWN_SUFFIXES = (".mpy", ".py")

# {path: SHA-256} of all files; a file of the build can be larger than the chip's RAM.
LISTING = """
import os, hashlib, binascii
def walk(d):
    for e in os.ilistdir(d or '/'):
        p = d + '/' + e[0]
        if p in ('/rom', '/host', '/app_a', '/app_b'):
            continue
        if e[1] == 0x4000:
            walk(p)
        else:
            h = hashlib.sha256()
            with open(p, 'rb') as f:
                while True:
                    b = f.read(512)
                    if not b:
                        break
                    h.update(b)
            print(p[1:], str(binascii.hexlify(h.digest()), 'ascii'))
walk('')
"""


class Secrets:
    """Values that must not be shown in any output."""

    def __init__(self, settings):
        of = Settings(None)
        self._hidden = [v for k, v in settings.items() if v and "w" == of.owner_access(k)[:1]]

    def mask(self, text):
        for value in self._hidden:
            text = text.replace(value, "***")
        return log.redact(text)


def profile(name):
    """The board's checked profile: of that name in boards/, or a file NAME.toml of one's own.
    Trouble for an unknown, wrong or draft one."""
    try:
        path = board_profile.find(name)
        return board_profile.for_a_board(board_profile.load_toml(path), path)
    except ValueError as exc:
        raise Trouble("BOARD=: %s" % exc if isinstance(exc, board_profile.Unknown) else str(exc))


def values(words, ask=getpass.getpass):
    """{setting: text} of Key=Value words. Trouble names the key; no value is ever in it."""
    given = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            # The word itself is not shown: it may be the rest of a password with a blank.
            before = " after %s" % list(given)[-1] if given else ""
            raise Trouble("SET wants Key=Value; a word%s has no =: quote what has blanks" % before)
        given[key] = ask("%s: " % key) if value == "?" else value
    for key, value in given.items():
        try:
            Settings(None).factory({key: value})
        except ValueError as exc:
            # Some reasons quote the value.
            reason = str(exc).replace(value, "***") if value else str(exc)
            raise Trouble("%s: correct it in SET=" % reason)
    return given


def judge(settings, whole):
    """Trouble if a charger with these settings cannot connect. whole: it will have no others."""
    wrong = provisioning.mistakes(settings, whole)
    if wrong:
        reasons = "; ".join(wrong[name] for name in sorted(wrong))
        raise Trouble("%s: correct it in SET=" % Secrets(settings).mask(reasons))


class Flasher:
    def __init__(self, name, port, console, app=None, features=None, key="", firmware=None):
        """key: the content of update.pub, "" for none. firmware: MicroPython's file, where it is
        to be written. All of it is looked at before a port is chosen."""
        self._app = app
        self._features = features
        self._key = key
        self._show = console
        self.say = self.say_on(console)
        self._board = profile(name)
        self._chip = self._board["chip"]
        self._firmware = firmware and espflash.Firmware(firmware, self._chip)
        self._port = seriallink.choose(port or None)
        self._name = name

    def _bar(self, what, total):
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=self._show,
            transient=True,
        )
        return bar, bar.add_task(what, total=total)

    @staticmethod
    def say_on(console):
        return lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True)

    def build(self):
        """{path: bytes} of the application. Trouble if it does not compile."""
        if self._app:
            files = image.directory(self._app)
            if "main.py" not in files:
                raise Trouble("%s holds no application: make it with `make build`" % self._app)
            if self._features:
                changed = {**json.loads(files["board.json"]), "features": self._features}
                files["board.json"] = json.dumps(changed).encode()
            return files
        with tempfile.TemporaryDirectory() as folder:
            try:
                return image.application(self._name, folder, lambda line: None, self._features)
            except SystemExit as exc:
                raise Trouble("the application cannot be built: %s" % exc)

    # -- everything anew ---------------------------------------------------------------------

    def whole(self, settings):
        """Firmware, table and file system onto the chip; returns a line that listens to it."""
        firmware = self._firmware
        # Before esptool reports the same problem in its own words.
        seriallink.open_line(self._port).close()
        self.say("looking at the chip on %s" % self._port)
        found = espflash.Chip(self._port).look()
        self.say(found.sentence())
        module.check_board(found, self._board)
        module.check_image(found, firmware.kind)
        if not module.certain(found, firmware.kind):
            found = self._asked(found, firmware.kind)
        layout = module.layout(found.flash, firmware.romfs)
        if layout is None:
            needed = module.least_flash(firmware.romfs)
            raise Trouble(
                "the chip has %d KB of flash, the partition table needs %d KB: use a module "
                "with more" % (found.flash // 1024, needed // 1024)
            )
        self.say("partition table: %s" % layout)
        table = partitions.LAYOUTS[layout]
        data = firmware.with_table(table)
        app = self.build()
        settings = dict(settings)
        if found.unit:
            # Else no label can be made, and a key that nobody reads would keep the lamp dark.
            settings.setdefault("SetupKey", label_files.draw())
        config = {"config.json": json.dumps({"settings": settings}).encode()}
        if self._key:
            config[update_key.FILE] = self._key.encode()
        self._tell(app, firmware.kind, self._key)
        try:
            made = image.images(app, layout, config)
        except image.DoesNotFit as exc:
            raise Trouble("%s: choose a board profile with fewer features" % exc)
        except ValueError as exc:
            raise Trouble(str(exc))
        for label, (content, used) in made.items():
            self.say("%s: %d of %d KB" % (label, used // 1024, len(content) // 1024))
        bar, task = self._bar("writing", 100 * (1 + len(made)))
        with bar, tempfile.TemporaryDirectory() as folder:
            done = [0, 0]  # files written, percent of the one after

            def tell(percent):
                # Starts again with each file.
                done[0] += percent < done[1]
                done[1] = percent
                bar.update(task, completed=100 * done[0] + percent)

            self.say("erasing everything; writing MicroPython, table, application; comparing")
            parts = {espflash.CHIPS[self._chip][2]: pathlib.Path(folder) / "firmware.bin"}
            parts[espflash.CHIPS[self._chip][2]].write_bytes(data)
            for label, (content, _used) in made.items():
                path = pathlib.Path(folder) / (label + ".bin")
                path.write_bytes(content)
                parts[partitions.find(table, label).offset] = path
            espflash.Chip(self._port, tell).write(parts, partitions.FLASH_SIZES[layout])
        line = seriallink.open_line(self._port)
        if not seriallink.pulse_reset(line):  # so that no line of its start is missed
            self.say("press the board's reset button now")
        self._label(found, settings.get("SetupKey"))
        if not module.certain(found, firmware.kind):
            line = self._restarted(line)
        return line

    def _asked(self, found, kind):
        """`found`, with what the MicroPython that runs knows of the PSRAM; unchanged if none
        answers. The bootloader of an ESP32 cannot see a PSRAM beside it."""
        try:
            prompt = seriallink.Prompt(self._port, tries=1)
        except Trouble:
            self.say("no MicroPython is there yet that could tell whether the module has PSRAM")
            return found
        try:
            asked = module.from_prompt(prompt)
        finally:
            prompt.close()
        if asked.psram is not None:
            found.psram, found.octal = asked.psram, asked.octal
            self.say(
                "%s, says the MicroPython that runs" % ("PSRAM" if asked.psram else "no PSRAM")
            )
            module.check_image(found, kind)
            module.check_board(found, self._board)
        return found

    def _restarted(self, line):
        """Ask the new MicroPython for the PSRAM that it needs, and start the charger again.
        Trouble if it finds none."""
        line.close()
        end = time.monotonic() + LOG_WAIT_S
        while True:
            try:
                prompt = seriallink.Prompt(self._port)
                break
            except Trouble:
                if time.monotonic() > end:
                    raise
        try:
            found = module.from_prompt(prompt)
            self._memory(found)
            module.check_board(found, self._board)
            self.say("the new MicroPython has found its PSRAM")
            prompt.restart()
        except BaseException:
            prompt.close()
            raise
        return prompt.line

    @staticmethod
    def _memory(found):
        """Trouble unless the MicroPython that runs has memory enough for a charger."""
        if found.image != "base" and not found.psram:
            if found.psram is None and found.image == "plain":
                module.check_image(found, found.image)
            raise Trouble(
                "the MicroPython on the chip finds no PSRAM, without which it leaves the charger "
                "too little memory: %s" % module.take(found)
            )

    def _label(self, found, secret):
        if not found.unit or not secret:
            return
        name, key = label_files.network(found.unit, secret)
        made = label_files.write(name, key)
        self.say("its label, for set-up by phone: WiFi %s, password %s" % (name, key))
        self.say("to print: %s" % ", ".join(str(path) for path in made))

    # -- the application only ----------------------------------------------------------------

    def application(self, settings):
        """A slot or files, what there is; returns the Prompt, after a restart."""
        self.say("stopping what runs on %s" % self._port)
        prompt = self._prompt()
        try:
            found = self._fits(prompt)
            slots = cableslot.find(prompt)
            in_place = found.romfs and slots is not None and slots.format == "romfs"
            if found.image == "base" and not in_place:
                raise Trouble(
                    "the flash has no slots in a ROMFS, which the base image runs the application "
                    "from: write them with FIRMWARE=%s (that erases the chip)" % module.BASE_IMAGE
                )
            there = dict(line.split() for line in prompt.run(LISTING).splitlines())
            app = self.build()
            self._tell(app, found.image, not slots or update_key.FILE in there)
            if slots:
                try:
                    start = image.start(app)
                except ValueError as exc:
                    raise Trouble(str(exc))
                self._slot(slots, app)
                app = start
            else:
                self.say(
                    "the board's partition table has no application slots: its files are copied; "
                    "updates over the air need the slots, which come with FIRMWARE=micropython.bin"
                )
            self._copy(prompt, self._with_settings(prompt, app, settings), there)
            if self._key:
                update_key.keep(prompt, self._key)
            # The settings are those of another board, with other pins.
            prompt.run(
                "import esp32\nn=esp32.NVS(%r)\nn.set_blob(%r,%r)\nn.commit()"
                % (kept.SPACE, kept.KEY, kept.packed(kept.outputs(self._board)))
            )
            prompt.restart()
        except BaseException:
            prompt.close()
            raise
        return prompt

    def _tell(self, app, kind, key):
        """What the owner should know about this application, image and key (or none)."""
        profile = json.loads(app.get("board.json", b"{}"))
        if kind == "base" and profile.get("features", "all") == "all":
            self.say("note: " + module.all_features())
        if self._key:
            self.say("updates must be signed with key %s" % update_key.names(self._key))
        elif not key:
            self.say("note: the charger takes unsigned updates; UPDATE_KEY=file changes that")

    def _slot(self, slots, app):
        try:
            data = image.packed(app, slots.format)
        except image.DoesNotFit as exc:
            raise Trouble("%s: choose a board profile with fewer features" % exc)
        bar, task = self._bar("writing", len(data))
        with bar:
            name = slots.write(data, lambda size: bar.advance(task, size))
        if name:
            self.say("the application is in %s: %d KB" % (name, len(data) // 1024))
        else:
            self.say("the application is there already")

    def _prompt(self):
        """MicroPython's prompt. Trouble, naming the image to take if the chip can be asked."""
        try:
            return seriallink.Prompt(self._port)
        except seriallink.NoPrompt as exc:
            try:
                found = espflash.Chip(self._port).look(FEW)
            except Trouble:
                raise exc
            self.say(found.sentence())
            module.check_board(found, self._board)
            raise Trouble(
                "no MicroPython answers on %s, or its console is locked: put it there with "
                "FIRMWARE=; %s" % (self._port, module.take(found))
            )

    def _fits(self, prompt):
        """`module.Found`. Trouble unless MicroPython, module and table can run the charger."""
        found = module.from_prompt(prompt)
        self.say(found.sentence())
        if found.version < OLDEST:
            raise Trouble(
                "MicroPython %d.%d is on the board, %d.%d or newer is needed: put it there with "
                "FIRMWARE=micropython.bin" % (*found.version, *OLDEST)
            )
        module.check_board(found, self._board)
        self._memory(found)
        # From here on there is time for the copying; the reset at the end ends it.
        prompt.give_time(WATCHDOG_MS)
        journal = self._board["journal"]["partition"]
        if not prompt.value("import esp32", "len(esp32.Partition.find(1, label=%r))" % journal):
            raise Trouble(
                "the board's flash has no partition %r, without which nothing is charged: write "
                "it with FIRMWARE=micropython.bin (that erases the chip)" % journal
            )
        return found

    @staticmethod
    def _with_settings(prompt, app, settings):
        """The application with the board's config.json, as changed by `settings`."""
        if not settings:
            return app
        try:
            config = provisioning.configuration(prompt.read("config.json"))
        except ValueError as exc:
            raise Trouble("on the board %s: correct it with mpremote, or delete it" % exc)
        config["settings"].update(settings)
        return {**app, "config.json": json.dumps(config).encode()}

    def _copy(self, prompt, wanted, there):
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in wanted.items()}
        changed = [path for path in wanted if there.get(path) != digests[path]]
        stale = [p for p in there if p not in wanted and p.endswith(OWN_SUFFIXES)]
        if not changed and not stale:
            self.say("every file is there already")
            return
        self._room(prompt, wanted, there)
        # main.py goes first and comes last: half an application must not start.
        if "main.py" in there:
            stale.append("main.py")
        if "main.py" not in changed:
            changed.append("main.py")
        changed.sort(key=lambda path: path == "main.py")
        for path in stale:
            prompt.run("import os\nos.remove(%r)" % path)
        folders = {str(p) for path in changed for p in pathlib.PurePosixPath(path).parents}
        for folder in sorted(folders - {"."}):
            code = "import os\ntry:\n os.mkdir(%r)\nexcept OSError as e:\n if e.errno != 17: raise"
            prompt.run(code % folder)
        self.say("copying %d of %d files" % (len(changed), len(wanted)))
        bar, task = self._bar("copying", sum(len(wanted[path]) for path in changed))
        with bar:
            for path in changed:
                prompt.write(path, wanted[path], lambda size: bar.advance(task, size))
        self.say("comparing")
        now = dict(line.split() for line in prompt.run(LISTING).splitlines())
        for path in wanted:
            if now.get(path) != digests[path]:
                raise Trouble("%s is not on the board as it was sent: try again" % path)

    @staticmethod
    def _room(prompt, wanted, there):
        """Trouble if the files cannot fit, before anything is changed."""
        block, blocks = prompt.value("import os\ns=os.statvfs('/')", "(s[0], s[2])")
        need = sum(-(-len(data) // block) for data in wanted.values())
        if need > blocks:
            raise Trouble(
                "the application needs %d KB, the board's file system has %d KB: write another "
                "partition table with FIRMWARE=micropython.bin (that erases the chip)"
                % (need * block // 1024, blocks * block // 1024)
            )


def first_lines(line, secrets, say, wait_s=LOG_WAIT_S):
    """Show the charger's first log lines. Trouble if none come."""
    end = [time.monotonic() + wait_s]
    shown = 0
    for text in seriallink.lines(line, lambda: end[0]):
        if seriallink.LOG_LINE.match(text):
            if not shown:
                end[0] = min(end[0] + LOG_AFTER_S, time.monotonic() + LOG_AFTER_S)
            shown += 1
        if text.strip():
            say("  " + secrets.mask(text))
        if shown >= LOG_LINES:
            return
    if not shown:
        raise Trouble(
            "the charger said nothing for %d s: look at `make logs`, then `make console`" % wait_s
        )


def without_board(port, say):
    """The sentence that names the boards for the module on `port`. Trouble if there is none."""
    port = seriallink.choose(port)
    say("looking at the chip on %s" % port)
    try:
        prompt = seriallink.Prompt(port)
    except seriallink.NoPrompt:
        found = espflash.Chip(port).look()
    else:
        try:
            found = module.from_prompt(prompt)
            prompt.restart()
        finally:
            prompt.close()
    say(found.sentence())
    if found.chip and not (found.image == "base" or found.psram and found.image):
        say("image: %s" % module.take(found))
    return module.name_one(found, ROOT / "boards", say)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("board", nargs="?", help="left out: lists those that suit the module")
    parser.add_argument("--port", help="default: the only serial port on USB")
    parser.add_argument("--firmware", help="micropython.bin for the chip: erases everything")
    parser.add_argument("--set", action="append", default=[], help="Key=Value ..., as in a shell")
    parser.add_argument("--features", help=" or ".join(build.FEATURES))
    parser.add_argument("--update-key", action="append", default=[], metavar="FILE")
    parser.add_argument("--app", help="directory that `make build` made")
    parser.add_argument("--wait", type=float, default=LOG_WAIT_S, help="seconds for a first line")
    args = parser.parse_args(argv)
    console = Console()
    secrets = None
    try:
        try:
            words = [word for text in args.set for word in shlex.split(text)]
        except ValueError as exc:
            raise Trouble("SET: %s: close the quotation" % exc)
        try:
            settings = values(words or given.words("SET"))
            judge(settings, bool(args.firmware))
            build.one_of("FEATURES", args.features, build.FEATURES)
        except ValueError as exc:
            raise Trouble(str(exc))
        secrets = Secrets(settings)
        if not args.board:
            if args.firmware and not pathlib.Path(args.firmware).is_file():
                raise Trouble("there is no file %s: correct FIRMWARE=" % args.firmware)
            say = Flasher.say_on(console)
            say("flash: " + without_board(args.port or None, say))
            return 0
        key = update_key.text_of(args.update_key or update_key.asked_for("UPDATE_KEY"))
        flasher = Flasher(args.board, args.port, console, args.app, args.features, key,
                          args.firmware)  # fmt: skip
        if settings:
            flasher.say("settings: " + ", ".join(sorted(settings)))
        if args.firmware:
            held = line = flasher.whole(settings)
        else:
            held = flasher.application(settings)
            line = held.line
        try:
            flasher.say("the charger:")
            first_lines(line, secrets, flasher.say, args.wait)
        finally:
            held.close()
    except Trouble as exc:
        text = str(exc) if secrets is None else secrets.mask(str(exc))
        print("flash: " + re.sub(r"\s+", " ", text), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("flash: stopped; run it again to finish", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
