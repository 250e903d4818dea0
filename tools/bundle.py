# Makes, signs and checks update bundles.
# MIT license; part of microevse
"""usage:
    bundle.py board [NAME] [--format FORMAT] [--features all|named] [--key PRIVATE.pem] [-v]
    bundle.py make DIR OUT --version V --board NAME [--format FORMAT] [--key PRIVATE.pem]
    bundle.py verify BUNDLE [--board NAME] [--keys update.pub]
    bundle.py public KEY.pem           a line for the charger's file update.pub
    bundle.py newkey PRIVATE.pem [--rsa BITS]

`board` builds the application of a board and makes build/NAME.bundle of it; it looks at key and
words before. DIR is what tools/build.py makes. Version and board are taken from there
(version.mpy, board.json) unless they are given. FORMAT is lfs2, for MicroPython's own image, or
romfs, for the base image; by default romfs for a board file that only suits a module without
PSRAM. Signing is done by the openssl command, so that a key may be any that it can use; keys are
ECDSA P-256 (default) or RSA 2048, 3072 or 4096.
"""

import argparse
import hashlib
import importlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT / "lib") not in sys.path:
    sys.path.append(str(ROOT / "lib"))

import slots  # noqa: E402
from slots import BLOCK, HEADER, bundle  # noqa: E402
from slots import keys as signing  # noqa: E402
from store.ramflash import RamFlash  # noqa: E402

# Of the application, in the base image already (boards/micropython/MICROEVSE/manifest.py).
FROZEN = "lib/microdot/"
# They run before a slot is on the module path: from the partition `vfs`, or frozen in.
STARTS = ("boot.py", "main.py")
# Slots of the 4 MB partition tables; the last block is the record. If both slots are in one ROMFS,
# its head takes another block.
ROOM = {"lfs2": 0xA0000 - BLOCK, "romfs": 0xA0000 - 2 * BLOCK}
# Most modules are far smaller than a sector, and a file takes whole blocks: with the flash's
# own 4096 the application would not fit.
LFS_BLOCK = 512


# Number of the base image that an application in a ROMFS needs: that of the same sources.
_BASE = (ROOT / "boards" / "micropython" / "MICROEVSE" / "base_image.py").read_text()
BASE = int(re.search(r"^NUMBER = (\d+)$", _BASE, re.M).group(1))
# CRC-32 of the public root certificates that it has.
BASE_ROOTS = int(re.search(r"^ROOTS = (0x\w+)$", _BASE, re.M).group(1), 16)


class BundleError(Exception):
    """The request cannot be carried out; the text says why."""


_OCPP16 = "lib/ocpp16/"
# What only OCPP 2.x imports.
_STATION = (
    "customer", "live_limits", "monitors", "network_slot", "notices", "costs", "session_limits",
    "tariff", "tariffs", "early", "points", "points_kept",
)  # fmt: skip
ONLY_OCPP2 = (
    ("lib/ocpp2/", "lib/ocppj/oneway.")
    + tuple("lib/station/%s." % name for name in _STATION)
    + tuple("upkeep/network_%s." % name for name in ("end", "rules", "slots"))
)


# -- images ------------------------------------------------------------------------------------


def files(folder):
    """{place in the image: bytes} of a directory."""
    folder = pathlib.Path(folder)
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found[str(path.relative_to(folder))] = path.read_bytes()
    if "app.mpy" not in found:
        raise BundleError(f"{folder}: no app.mpy: not a directory that tools/build.py made")
    return found


def _without(content, places):
    return {place: data for place, data in content.items() if not place.startswith(places)}


def one_protocol(content):
    """`content` for a littlefs: of both packages of OCPP only that of 1.6, as compiled files take
    more room there than in a ROMFS."""
    if [place for place in content if place.startswith(_OCPP16)]:
        return _without(content, ONLY_OCPP2)
    return content


def lfs2(content):
    """A littlefs image that holds `content` and hardly more, a whole number of blocks. See
    `one_protocol`."""
    content = _without(one_protocol(content), STARTS)
    make = importlib.import_module("lfs").image
    # Nothing is ever deleted, so its blocks are used from the first one on. The smallest file
    # system that is large enough is found by trying, from less than the whole firmware takes.
    need = sum(-(-len(data) // LFS_BLOCK) for data in content.values())
    count, made, step = need + need // 12 + 8, None, 8
    while not made:
        count += step
        if count * LFS_BLOCK > ROOM["lfs2"]:
            break
        made = make(content, LFS_BLOCK, count)
    while made and step > 1:
        step //= 2
        smaller = make(content, LFS_BLOCK, count - step)
        if smaller:
            made, count = smaller, count - step
    if made:
        return made[0]
    raise BundleError(f"{need * LFS_BLOCK} bytes of files do not fit into {ROOM['lfs2']}")


def romfs(content):
    """A ROMFS image of {place: bytes}, without what the base image has frozen in: a slot comes
    first on the module path, and from there loading it would be a long stall."""
    content = _without(content, (FROZEN, *STARTS))
    if zlib.crc32(content.get("roots.der", b"")) == BASE_ROOTS:
        del content["roots.der"]
    image = importlib.import_module("romfs").pack(content)
    if len(image) > ROOM["romfs"]:
        raise BundleError(f"{len(image)} bytes do not fit into {ROOM['romfs']}")
    return image


# -- keys --------------------------------------------------------------------------------------


def openssl(*args, data=None):
    """Output of the openssl command. BundleError with its message."""
    try:
        done = subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True)
    except OSError as exc:
        raise BundleError(f"openssl cannot be run: {exc}") from exc
    if done.returncode:
        raise BundleError("openssl: " + done.stderr.decode(errors="replace").strip())
    return done.stdout


def new_key(path, rsa=None):
    """Make a private key. Only the person who signs needs it. BundleError if the file is there:
    with the old key gone, no charger that knows it would take an update again."""
    if pathlib.Path(path).exists():
        raise BundleError(f"{path} is there already: a key is never overwritten")
    if rsa:
        kind = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{rsa}"]
    else:
        kind = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl("genpkey", *kind, "-out", path)
    pathlib.Path(path).chmod(0o600)


def public(path):
    """The line for update.pub of a private or a public key in PEM. BundleError, in a sentence that
    names the file."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise BundleError(f"{path}: the key cannot be read: {exc.strerror}") from exc
    known = b"-----BEGIN PUBLIC KEY-----" in data
    try:
        text = openssl("pkey", *["-pubin"] * known, "-in", path, "-noout", "-text_pub").decode()
    except BundleError as exc:
        if isinstance(exc.__cause__, OSError):
            raise  # there is no openssl
        raise BundleError(f"{path}: no key that openssl can read: name a .pem") from exc
    numbers = re.search(r"(?:Modulus|pub):\s*((?:[0-9a-f]{2}[:\s]*)+)", text)
    if not numbers:
        raise BundleError(f"{path}: neither an RSA nor an EC key")
    value = re.sub(r"[:\s]", "", numbers.group(1))
    exponent = re.search(r"Exponent: (\d+)", text)
    if exponent:
        line = f"rsa {value.lstrip('0')} {int(exponent.group(1)):x}"
    elif len(value) == 130 and value.startswith("04"):
        line = f"p256 {value[2:66]} {value[66:]}"
    else:
        raise BundleError(f"{path}: an EC key of another curve than P-256")
    try:
        signing.load(line)
    except ValueError as exc:
        raise BundleError(f"{path}: {exc}") from exc
    return line


def private(path):
    """As `public`, of a key that can sign. BundleError if it is only the public part."""
    line = public(path)
    if b"-----BEGIN PUBLIC KEY-----" in pathlib.Path(path).read_bytes():
        raise BundleError(f"{path}: a public key, which signs nothing: name the private one")
    return line


def sign(path, data):
    """Signature over `data` as a bundle has it: RSA as it is, ECDSA as r and s."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        made = openssl("dgst", "-sha256", "-sign", path, file.name)
    if public(path).startswith("rsa"):
        return made
    return b"".join(number.to_bytes(32, "big") for number in _der_pair(made))


def _der_pair(der):
    """The two integers of an ECDSA signature in DER (RFC 3279 section 2.2.3)."""
    numbers, at = [], 2
    while at < len(der):
        size = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2 : at + 2 + size], "big"))
        at += 2 + size
    return numbers


# -- bundles -----------------------------------------------------------------------------------


def version_of(content):
    """The version of an application, from its compiled module."""
    found = re.search(rb"\d+\.\d+[\w.+-]*", content.get("version.mpy", b""))
    if not found:
        raise BundleError("no version.mpy, or none with a version: say --version")
    return found.group().decode()


def make(content, version, board, format="lfs2", key=None, base=BASE):
    """Bytes of a bundle of {place: bytes}; `key`: file with the private key; `base`: number of the
    base image that it needs, if it is a ROMFS."""
    if format == "lfs2":
        return wrap(lfs2(content), version, board, format, LFS_BLOCK, key)
    return wrap(romfs(content), version, board, format, 0, key, base)


def wrap(image, version, board, format="lfs2", block=LFS_BLOCK, key=None, base=0):
    """Bytes of a bundle of an image that is there already."""
    name = signing.key_id(public(key)) if key else None
    digest = hashlib.sha256(image).digest()
    signed = bundle.text(version, board, format, block, len(image), digest, name, base)
    head = bundle.header(signed, sign(key, signed) if key else None)
    bundle.parse(head)
    return head + image


def record(data, number=1):
    """The last block of a slot whose image is that of a bundle: whole, and confirmed.

    For a slot that is written by cable; the rest of the slot is `data[HEADER:]` from byte 0 on.
    """
    verify(data)
    flash = RamFlash(1, BLOCK)
    slots.describe(flash, data[:HEADER])
    slots.commit(flash, number)
    slots.confirm(flash)
    return bytes(flash.image)


def verify(data, board=None, keys=None):
    """The Header of a bundle that a charger would take. BundleError says why it would not."""
    try:
        head = bundle.parse(data[:HEADER])
        lines = signing.load(keys) if keys is not None else []
        bundle.admit(head, board or head.board, ROOM[head.format], lines)
    except ValueError as exc:
        raise BundleError(str(exc)) from exc
    if len(data) != HEADER + head.length:
        raise BundleError(f"{len(data) - HEADER} bytes of {head.length}")
    if hashlib.sha256(data[HEADER:]).digest() != head.sha256:
        raise BundleError("the image's checksum is wrong")
    return head


def _make(args):
    if args.key:
        private(args.key)
    folder = pathlib.Path(args.dir)
    content = files(folder)
    profile = json.loads(content.get("board.json", b"{}"))
    board = args.board or profile.get("name")
    if not board:
        raise BundleError(f"{folder}: no board.json: say --board")
    format = args.format
    if not format:
        module = importlib.import_module("module")  # which needs pyserial; signing does not
        format = "romfs" if module.plain_only(profile) else "lfs2"
    data = make(content, args.version or version_of(content), board, format, args.key)
    pathlib.Path(args.out).write_bytes(data)
    head = verify(data)
    by = f"signed with key {head.key}" if head.key else "not signed"
    print(f"{args.out}: {head.format}, version {head.version} for {head.board}, ", end="")
    print(f"{len(data)} bytes, {by}")


def _board(args):
    build = importlib.import_module("build")
    try:
        build.one_of("FEATURES", args.features, build.FEATURES)
        build.one_of("FORMAT", args.format, bundle.FORMATS)
        name = build.named(args.name)
        stem = pathlib.Path(build.board_profile.find(name)).stem
    except ValueError as exc:
        raise BundleError(str(exc)) from exc
    if args.key:
        private(args.key)
    args.dir, args.out = ROOT / "build" / stem, ROOT / "build" / (stem + ".bundle")
    build.main(name, args.dir, args.features, args.verbose)
    _make(args)


def _verify(args):
    keys = pathlib.Path(args.keys).read_text() if args.keys else None
    head = verify(pathlib.Path(args.bundle).read_bytes(), args.board, keys)
    known = "signature good" if keys else "signature not checked" if head.key else "not signed"
    kind = f"{head.format} for base image {head.base}" if head.base else head.format
    print(f"version {head.version} for {head.board}, {kind}, {head.length} bytes, {known}")


def main(argv=None):
    parser = argparse.ArgumentParser(description="Update bundles: make, sign, verify.")
    commands = parser.add_subparsers(dest="do", required=True)
    command = commands.add_parser("board")
    command.add_argument("name", nargs="?")
    command.add_argument("--format")
    command.add_argument("--features")
    command.add_argument("--key", metavar="PEM")
    command.add_argument("-v", "--verbose", action="store_true")
    command.set_defaults(version=None, board=None)
    command = commands.add_parser("make")
    command.add_argument("dir")
    command.add_argument("out")
    command.add_argument("--version")
    command.add_argument("--board")
    command.add_argument("--format", choices=bundle.FORMATS)
    command.add_argument("--key", metavar="PEM")
    command = commands.add_parser("verify")
    command.add_argument("bundle")
    command.add_argument("--board")
    command.add_argument("--keys", metavar="FILE")
    command = commands.add_parser("public")
    command.add_argument("key")
    command = commands.add_parser("newkey")
    command.add_argument("key")
    command.add_argument("--rsa", type=int, choices=(2048, 3072, 4096))
    args = parser.parse_args(argv)
    try:
        if args.do == "make":
            _make(args)
        elif args.do == "board":
            _board(args)
        elif args.do == "verify":
            _verify(args)
        elif args.do == "public":
            print(public(args.key))
        else:
            new_key(args.key, args.rsa)
            print(public(args.key))
    except (BundleError, OSError) as exc:
        sys.exit(f"bundle: {exc}")


if __name__ == "__main__":
    main()
