#!/usr/bin/env python3
# Everything of a release in one folder: images, updates, web installer, bill of materials, sums.
# MIT license; part of microevse
"""usage: release.py [-o DIR] [--base DIR] [--tag vX.Y.Z] [--key KEY.pem]     -> build/release/

    microevse-base-CHIP.bin                base image (from --base; tools/release_base.py)
    microevse-BOARD-VERSION.bin            complete image, for address 0
    microevse-BOARD-VERSION.bundle         update for a board with the base image
    microevse-BOARD-VERSION-stock.bundle   update for a board with MicroPython's own image
    manifest-BOARD.json                    for ESP Web Tools
    microevse-web-VERSION.zip              the web installer with its images
    sbom.cdx.json                          CycloneDX bill of materials
    release-notes.md                       this version's section of CHANGELOG.md
    SHA256SUMS                             checksums; with a key tools/release_sign.py signs them

Without --base, or without npm, what needs them is left out, with a sentence. With --tag nothing
may be missing, the tag must be the firmware's version, and every file must be committed.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "lib")]

import image  # noqa: E402
import release_base  # noqa: E402
import release_facts as facts  # noqa: E402
import release_images as images  # noqa: E402
import release_sbom as sbom  # noqa: E402
import release_sign  # noqa: E402
import release_web as web  # noqa: E402
from bundle import BundleError  # noqa: E402
from release_facts import ReleaseError  # noqa: E402


class Release:
    """What is made so far. `left_out`: a sentence for each thing that is missing."""

    def __init__(self, say):
        self.version = facts.version()
        self.date = facts.date()
        self.content = {}  # name of a file: bytes
        self.left_out = []
        self._say = say
        self._bases = {}  # chip: path
        self._parts = []  # of the bill of materials, beside our own

    def name(self, board, suffix):
        return "microevse-%s-%s%s" % (board, self.version, suffix)

    def take_bases(self, folder, tag):
        """The base images of a folder, one a chip. ReleaseError if one is not what it is named, or
        for a tag if one is of other versions than this release says it is."""
        for chip in facts.BASES:
            name = release_base.NAME % chip
            if folder is None:
                self.left_out.append(
                    "no base image for %s: `make base` builds it with ESP-IDF, BASE=folder takes "
                    "one that is there; complete images and the web installer need it" % chip
                )
                continue
            path = pathlib.Path(folder) / name
            if not path.exists():
                raise ReleaseError("%s: there is no %s" % (folder, name))
            data = path.read_bytes()
            try:
                versions = release_base.versions(data, chip)
            except ReleaseError as exc:
                raise ReleaseError("%s: %s" % (path, exc))
            if tag and versions != (facts.MICROPYTHON, facts.IDF):
                raise ReleaseError(
                    "%s is MicroPython %s with ESP-IDF %s, a release has %s with %s: build it anew"
                    % (path, *versions, facts.MICROPYTHON, facts.IDF)
                )
            self._bases[chip] = path
            self.content[name] = data
            self._parts.append(sbom.base(chip, name, data, *versions))

    def boards(self):
        """Images, updates and manifest of each board; returns {board: sentence} of the boards with
        a complete image."""
        found, drafts = facts.boards()
        self.left_out += drafts
        complete = {}
        for board, profile in found.items():
            chip = profile["chip"]
            with tempfile.TemporaryDirectory() as folder:
                app = image.application(board, folder, lambda line: None)
            made = images.updates(app, chip)
            if chip in self._bases:
                made[".bin"] = images.complete(app, chip, self._bases[chip])
                manifest = images.manifest(board, chip, self.version, self.name(board, ".bin"))
                self.content["manifest-%s.json" % board] = document(manifest)
                complete[board] = profile.get("source", "")
            elif chip not in facts.BASES:
                self.left_out.append(
                    "no complete image for %s: boards/micropython has no base image for %s"
                    % (board, chip)
                )
            for suffix, data in made.items():
                self.content[self.name(board, suffix)] = data
            self._say("%s: %s" % (board, ", ".join(sorted(made))))
        return complete

    def installer(self, boards):
        """The archive of the web installer, for those boards."""
        if not boards:
            return
        try:
            package = web.package()
        except ReleaseError as exc:
            self.left_out.append("no web installer: %s" % exc)
            return
        content = web.unpacked(package)
        digest = hashlib.sha512(package).hexdigest()
        self._parts.append(sbom.web_tools(web.PACKAGE, web.VERSION, digest))
        content["index.html"] = web.page(self.version, boards, content).encode()
        for board in boards:
            for name in ("manifest-%s.json" % board, self.name(board, ".bin")):
                content[name] = self.content[name]
        self.content["microevse-web-%s.zip" % self.version] = web.archive(content, self.date)

    def papers(self):
        """Bill of materials and the text of the release."""
        self.content["sbom.cdx.json"] = document(sbom.bill(self.version, self.date, self._parts))
        text = facts.section((ROOT / "CHANGELOG.md").read_text(), self.version)
        missing = "".join("- %s\n" % line for line in self.left_out)
        notes = text + ("\n\nNot in this release:\n\n" + missing if missing else "\n")
        self.content["release-notes.md"] = notes.encode()

    def write(self, out):
        """Replace the folder `out` by what has been made. A half-made one is never there."""
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = pathlib.Path(tempfile.mkdtemp(dir=out.parent, prefix=".release-"))
        try:
            for name, data in self.content.items():
                (fresh / name).write_bytes(data)
                os.utime(fresh / name, (self.date, self.date))
            release_sign.checksums(fresh)
            fresh.chmod(0o755)
            shutil.rmtree(out, ignore_errors=True)
            fresh.replace(out)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def document(value):
    """JSON as bytes, the same each time."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def make(out, base=None, tag=None, key=None, say=print):
    """Make the release in the folder `out`. ReleaseError or BundleError says why not."""
    if key:
        release_sign.signer(key)  # before minutes of work
    if tag:
        facts.check_tag(tag, facts.version(), (ROOT / "CHANGELOG.md").read_text())
        facts.check_clean()
    if out.exists() and any(out.iterdir()) and not (out / release_sign.SUMS).exists():
        raise ReleaseError("%s is no release: it is not replaced, name another folder" % out)
    release = Release(say)
    release.take_bases(base, tag)
    release.installer(release.boards())
    release.papers()
    # A draft and a board of a chip without base image are no mistake; a base image that is not
    # there, and an installer that is not there, are.
    if tag and not any(name.endswith(".zip") for name in release.content):
        raise ReleaseError("a release with a tag is complete: " + "; ".join(release.left_out))
    release.write(out)
    if key:
        release_sign.sign(out, key)
    for line in release.left_out:
        say("not in it: " + line)
    say("%d files in %s, %s" % (len(list(out.iterdir())), out, "signed" if key else "not signed"))


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--out", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--base", metavar="DIR", help="folder with base images")
    parser.add_argument("--tag", help="the tag of this release")
    parser.add_argument("--key", metavar="PEM", help="private key to sign with")
    args = parser.parse_args(argv)
    try:
        make(args.out, args.base, args.tag, args.key)
    except (ReleaseError, BundleError, OSError) as exc:
        sys.exit("release: %s" % exc)


if __name__ == "__main__":
    main()
