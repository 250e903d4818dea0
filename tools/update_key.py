#!/usr/bin/env python3
# The key that signs updates, onto a charger, by cable.
# MIT license; part of microevse
"""usage: update_key.py [FILE ...] [--port PORT]    (make updatekey KEY=FILE)

FILE is a release's update.pub or release-key.pem, or your own sign.pem: only the public part of it
goes to the charger. From then on the charger takes no update that none of these keys has signed.
The files named replace the keys that are there: name the old one, too, while a key is replaced.
Without FILE: says which keys the charger has. The same for both kinds of application slots, as the
file lies beside the settings. It stops the program of the charger: not while a car charges.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "lib")]

import bundle  # noqa: E402
import given  # noqa: E402
import module  # noqa: E402
import seriallink  # noqa: E402
from seriallink import Trouble  # noqa: E402
from slots import keys as signing  # noqa: E402

FILE = "update.pub"  # firmware/hal/appslot.py
# Longer than any work here.
_WATCHDOG_MS = 60000


def text_of(paths):
    """Content of update.pub, of files with keys: PEM, private or public, or such lines. Trouble,
    naming the file; no private key is ever in it."""
    lines = []
    for path in paths:
        try:
            text = pathlib.Path(path).read_text()
            if "-----BEGIN " in text:
                lines.append(bundle.public(path))
            else:
                lines += signing.load(text)
        except UnicodeDecodeError:
            raise Trouble("%s holds no key: name a .pem or an update.pub" % path) from None
        except OSError as exc:
            raise Trouble("%s cannot be read: %s" % (path, exc.strerror)) from None
        except (ValueError, bundle.BundleError) as exc:
            reason = str(exc).replace(str(path) + ": ", "").replace(": name a .pem", "")
            raise Trouble("%s: %s: name a .pem or an update.pub" % (path, reason)) from None
    return "".join(line + "\n" for line in dict.fromkeys(lines))


def asked_for(name):
    """Files with keys that were given to `make`. Trouble if a quotation is open."""
    try:
        return given.files(name)
    except ValueError as exc:
        raise Trouble(str(exc)) from None


def names(text):
    """Ids of the keys in a text, for people. Trouble if a charger could not read it."""
    try:
        return ", ".join(signing.key_id(line) for line in signing.load(text))
    except ValueError as exc:
        raise Trouble(
            "the charger's %s is damaged (%s), so it takes no update: write it again" % (FILE, exc)
        ) from None


def keep(prompt, text):
    """Write the file; a power cut leaves the old one or the new one. Trouble if it is not there
    as it was sent."""
    data = text.encode()
    prompt.write(FILE + ".new", data, lambda size: None)
    if prompt.read(FILE + ".new") != data:
        raise Trouble("%s is not on the board as it was sent: try again" % FILE)
    prompt.run("import os\nos.rename(%r, %r)" % (FILE + ".new", FILE))


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--port", help="default: the only serial port on USB")
    args = parser.parse_args(argv)
    try:
        text = text_of(args.files or asked_for("KEY"))
        port = seriallink.choose(args.port or None)
        print("stopping what runs on %s" % port)
        prompt = seriallink.Prompt(port)
        try:
            print(module.from_prompt(prompt).sentence())
            prompt.give_time(_WATCHDOG_MS)
            if text:
                keep(prompt, text)
                print("updates must be signed from now on, with key %s" % names(text))
            else:
                there = prompt.read(FILE)
                if there is None:
                    print("no %s: the charger takes unsigned updates" % FILE)
                else:
                    keys = names(there.decode(errors="replace"))
                    print("updates must be signed with key %s" % keys)
        finally:
            try:
                prompt.restart()
            finally:
                prompt.close()
    except Trouble as exc:
        print("updatekey: %s" % " ".join(str(exc).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
