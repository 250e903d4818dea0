# Sets up a charger over its USB cable.
# MIT license; part of microevse
"""usage: usb_setup.py [PORT] [--ca FILE.pem] Key=Value ...    (make setup)

    usb_setup.py /dev/ttyUSB0 WifiSsid=Garage WifiPassword=? MaxCurrent=16 \\
        CentralSystemURI=ws://csms.example/ocpp ChargePointId=EVSE-1 WebPassword=?

Without PORT it is the only serial port on USB. Without settings they are what `make setup` got as
SET=. A value of `?` is asked for. --ca (CA= of `make setup`) copies a certificate that servers are
checked against onto the charger, and sets CaFile to it. The values are checked here, then by the
charger, which keeps them and restarts. This stops the program of the charger: not while a car
charges.
"""

import argparse
import getpass
import json
import os
import pathlib
import select
import sys
import termios
import time
import tty

import given
import seriallink
from provisioning import Refused, mistakes, pairs
from seriallink import Trouble

BAUD = termios.B115200
# Opening the journal of a full charger takes a while; importing on the chip, too.
ANSWER_S = 20
_CHUNK = 128  # bytes at once: a UART of the chip has no flow control
_CA_FILE = "ca.pem"
_EXAMPLE = "make setup SET='WifiSsid=Garage WifiPassword=?' PORT=/dev/ttyUSB0"


class RawRepl:
    """MicroPython's raw prompt on a serial port, or a pseudo terminal."""

    def __init__(self, port):
        try:
            self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        except OSError as exc:
            raise Trouble("%s cannot be opened: %s" % (port, exc.strerror)) from None
        try:
            tty.setraw(self._fd)
            attributes = termios.tcgetattr(self._fd)
            attributes[4] = attributes[5] = BAUD
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        except termios.error:
            os.close(self._fd)
            raise Trouble("%s is no serial port" % port) from None
        self._buf = b""
        self._enter()

    def close(self):
        os.close(self._fd)

    def _enter(self):
        for _ in range(3):
            # Stop what runs, then the raw prompt. An application that is just starting may
            # swallow the first of them.
            os.write(self._fd, b"\r\x03\x03")
            time.sleep(0.2)
            os.write(self._fd, b"\r\x01")
            try:
                self._until(b"raw REPL; CTRL-B to exit\r\n>", 2)
                return
            except Trouble:
                pass
        raise Trouble("no MicroPython answers: look at the cable, and at what else has the port")

    def _until(self, end, seconds):
        limit = time.monotonic() + seconds
        while end not in self._buf:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self._fd], [], [], left)[0]:
                raise Trouble("the charger no longer answers")
            try:
                data = os.read(self._fd, 1024)
            except OSError:
                data = b""
            if not data:
                raise Trouble("the cable is gone")
            self._buf += data
        found, _, self._buf = self._buf.partition(end)
        return found

    def send(self, code):
        """Start `code` without waiting for its answer."""
        data = code.encode() + b"\x04"
        for at in range(0, len(data), _CHUNK):
            os.write(self._fd, data[at : at + _CHUNK])
            time.sleep(0.01)

    def run(self, code):
        """Text that `code` prints. Trouble if it fails."""
        self.send(code)
        self._until(b"OK", 5)
        said = self._until(b"\x04", ANSWER_S).decode(errors="replace")
        error = self._until(b"\x04", 5).decode(errors="replace").strip()
        self._until(b">", 5)
        if error:
            raise Trouble("the charger says: " + error.split("\n")[-1].strip())
        return said


def apply(run, values, ca=None):
    """Keep `values` on the charger; its label [name, password] or None. Raises Refused, Trouble.

    run: fn(code) -> text that it printed, on the charger.
    """
    if ca is not None:
        run("f=open(%r,'w')" % (_CA_FILE + ".new"))
        for at in range(0, len(ca), 256):
            run("f.write(%r)" % ca[at : at + 256])
        run("f.close()\nimport os\nos.rename(%r,%r)" % (_CA_FILE + ".new", _CA_FILE))
    # JSON has no quote that repr could not carry, and only ASCII: the line may be 7 bit.
    said = run(
        "import json\nfrom commissioning import provision\n"
        "print('\\nANSWER', json.dumps(provision.apply(json.loads(%r))))" % json.dumps(values)
    )
    lines = [line for line in said.splitlines() if line.startswith("ANSWER ")]
    if not lines:
        raise Trouble("the charger gave no answer: is its application complete?")
    answer = json.loads(lines[-1][len("ANSWER ") :])
    if answer["errors"]:
        raise Refused(answer["errors"])
    return answer["label"]


def certificate(path):
    """The text of a CA's file. Trouble if it holds none, or a private key as well."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as exc:
        raise Trouble("CA=%s cannot be read: %s" % (path, exc.strerror)) from None
    if "PRIVATE KEY-----" in text:
        raise Trouble("CA=%s holds a private key, which stays here: give the certificate" % path)
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Trouble("CA=%s holds no certificate (PEM)" % path)
    return text


def main(argv=None):
    parser = argparse.ArgumentParser(description="Sets up a charger over its USB cable.")
    parser.add_argument("words", nargs="*", metavar="[PORT] Key=Value",
                        help="PORT: default: the only one on USB; Key=? asks for it")  # fmt: skip
    parser.add_argument("--ca", type=pathlib.Path, metavar="FILE.pem", help="CA of wss://")
    args = parser.parse_args(argv)
    port = args.words.pop(0) if args.words and "=" not in args.words[0] else None
    try:
        words = args.words or given.words("SET")
        if not words and not args.ca:
            raise Trouble("name settings, such as " + _EXAMPLE)
        values = pairs(words, getpass.getpass)
        ca = certificate(args.ca) if args.ca else None
        # Checked here first: a value that is certainly wrong must not stop the charger. Only the
        # charger knows what it has already (an identity, a certificate).
        wrong = mistakes(values)
        if wrong:
            raise Refused(wrong)
        if ca is not None:
            values["CaFile"] = _CA_FILE
        repl = RawRepl(seriallink.choose(port))
        try:
            label = apply(repl.run, values, ca)
            # Marked before the reset, so that the charger does not take it for a crash.
            repl.send("from hal import system\nsystem.mark('SoftRestart')\nsystem.reset()")
        finally:
            repl.close()
    except (Trouble, ValueError, OSError) as exc:
        print("setup: %s" % exc, file=sys.stderr)
        return 1
    print("Stored: %s. The charger starts anew." % ", ".join(sorted(values)))
    if label:
        print("Its label, for set-up by phone: WiFi %s, password %s" % tuple(label))
    return 0


if __name__ == "__main__":
    sys.exit(main())
