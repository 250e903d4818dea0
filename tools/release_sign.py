#!/usr/bin/env python3
# Checksums of a release, and signatures over them and over its updates.
# MIT license; part of microevse
"""usage: release_sign.py DIR [KEY.pem]     signs what `make release` has made

    SHA256SUMS        one line a file, as the command sha256sum reads them
    SHA256SUMS.sig    signature over it (DER), as the command openssl verifies it
    release-key.pem   the public key
    update.pub        the same key, as a charger's file update.pub has it

Without KEY only the checksums are written. It needs Python and openssl and no package: the key
can stay on a machine on which nothing else is installed. Keys are those of tools/bundle.py. If
docs/release-key.pem is there, only its private key is taken.
"""

import hashlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

import bundle  # noqa: E402
from bundle import BundleError, HEADER, openssl  # noqa: E402

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
PUBLIC, CHARGER = "release-key.pem", "update.pub"
KNOWN = ROOT / "docs" / PUBLIC
VERIFY = "openssl dgst -sha256 -verify %s -signature %s %s" % (PUBLIC, SIGNATURE, SUMS)


def sums(folder):
    """The text of SHA256SUMS for the files of a folder, in the order of their names."""
    lines = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in (SUMS, SIGNATURE):
            lines.append("%s  %s\n" % (hashlib.sha256(path.read_bytes()).hexdigest(), path.name))
    return "".join(lines)


def checksums(folder):
    """Write SHA256SUMS. A signature that was there is of other content: it goes."""
    (folder / SIGNATURE).unlink(missing_ok=True)
    (folder / SUMS).write_text(sums(folder))


def signed(data, key):
    """The bytes of an update, signed by the file `key`."""
    head = bundle.verify(data)
    image = data[HEADER:]
    return bundle.wrap(image, head.version, head.board, head.format, head.block, key, head.base)


def signer(key, known=KNOWN):
    """(line of update.pub, public key in PEM) of the private key in the file `key`. BundleError
    unless it is one, and that of the releases before."""
    line = bundle.private(key)  # refuses keys of which a charger knows nothing
    public = openssl("pkey", "-in", key, "-pubout")
    if known.exists() and known.read_bytes().split() != public.split():
        raise BundleError("%s is not the private key of %s" % (key, known))
    return line, public


def sign(folder, key, known=KNOWN):
    """Sign the updates and the checksums of a folder. BundleError says what is wrong."""
    folder = pathlib.Path(folder)
    updates = sorted(folder.glob("*.bundle"))
    if not updates:
        raise BundleError("%s has no update (*.bundle): `make release` makes them" % folder)
    line, public = signer(key, known)
    for path in updates:
        path.write_bytes(signed(path.read_bytes(), key))
    (folder / PUBLIC).write_bytes(public)
    (folder / CHARGER).write_text(line + "\n")
    checksums(folder)
    openssl("dgst", "-sha256", "-sign", key, "-out", folder / SIGNATURE, folder / SUMS)
    check(folder)


def check(folder, public=None):
    """BundleError unless each file is as SHA256SUMS says, and that as `public` (a file; default:
    the one of the release) has signed it."""
    public = public or folder / PUBLIC
    if (folder / SUMS).read_text() != sums(folder):
        raise BundleError("%s is not of these files" % (folder / SUMS))
    openssl("dgst", "-sha256", "-verify", public, "-signature", folder / SIGNATURE, folder / SUMS)


def main(argv=None):
    args = sys.argv[1:] if argv is None else argv
    if len(args) not in (1, 2) or args[0].startswith("-"):
        sys.exit("usage: release_sign.py DIR [KEY.pem]")
    folder = pathlib.Path(args[0])
    try:
        if len(args) == 2:
            sign(folder, args[1])
            print("signed; anybody checks it with: %s" % VERIFY)
        else:
            checksums(folder)
    except (BundleError, OSError) as exc:
        sys.exit("release: %s" % exc)


if __name__ == "__main__":
    main()
