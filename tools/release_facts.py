# What a release is made of: versions, date, board files, the text of the changelog.
# MIT license; part of microevse
"""Each function raises ReleaseError with a sentence for a person."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

# The MicroPython that base images are made of, and the ESP-IDF that it wants: the version of `idf`
# in its ports/esp32/lockfiles/dependencies.lock.esp32. tools/release_base.py compares the two.
MICROPYTHON = "v1.28.0"
IDF = "v5.5.1"
# A tag can be moved. Whoever can read the registry adds the digest: "...:v5.5.1@sha256:...".
CONTAINER = "espressif/idf:" + IDF
# Chips for which this repository describes a base image: {chip: folder of boards/micropython}.
BASES = {"esp32": "MICROEVSE"}


class ReleaseError(Exception):
    """No release can be made; the text says why, and what to do."""


def version():
    """The firmware's version. It must be the one of pyproject.toml, too."""
    text = (ROOT / "firmware" / "version.py").read_text()
    found = re.search(r'^VERSION = "([^"]+)"$', text, re.M)
    if not found:
        raise ReleaseError('firmware/version.py has no line VERSION = "..."')
    other = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.M)
    if not other or other.group(1) != found.group(1):
        raise ReleaseError(
            "firmware/version.py says %s and pyproject.toml %s: make them the same"
            % (found.group(1), other.group(1) if other else "nothing")
        )
    return found.group(1)


def check_tag(tag, number, changelog):
    """ReleaseError unless `tag` is that of version `number`, and its changes are told."""
    if tag != "v" + number:
        raise ReleaseError(
            "the tag is %s, but firmware/version.py says %s, whose tag is v%s: correct one of them"
            % (tag, number, number)
        )
    if section(changelog, "Unreleased"):
        raise ReleaseError(
            "CHANGELOG.md has changes under Unreleased: put them under %s before it is tagged"
            % number
        )
    if not section(changelog, number):
        raise ReleaseError("CHANGELOG.md has no section %s, or nothing in it: write it" % number)


def section(changelog, name):
    """The text below the heading `## name`, without the heading; "" if there is none."""
    for part in re.split(r"^## ", changelog, flags=re.M)[1:]:
        title, _, text = part.partition("\n")
        if re.match(r"\[?%s\]?(?![\w.])" % re.escape(name), title):
            return text.strip()
    return ""


def git(*args):
    """Output of a git command in this repository; None if it fails or there is no git.

    The owner of the files may be another user: in a container they belong to the host's user.
    """
    try:
        command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *args]
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def date():
    """Seconds since 1970 for everything in a release that has a date: SOURCE_DATE_EPOCH if it is
    set (reproducible-builds.org), else when the commit was made."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")
    if not given or not given.isdigit():
        raise ReleaseError(
            "this is no git repository, and SOURCE_DATE_EPOCH is no number of seconds: set it, so "
            "that two builds are the same"
        )
    return int(given)


def check_clean():
    """ReleaseError if a file differs from its commit: nobody could make this release again."""
    changed = git("status", "--porcelain")
    if changed is None:
        raise ReleaseError("a release with a tag is made of a git repository: this is none")
    if changed:
        raise ReleaseError(
            "%s is not as it was committed: commit it, or make the release without TAG="
            % changed.splitlines()[0][2:].strip()
        )


def boards():
    """({name: checked profile}, [sentence for each draft, which is left out])."""
    import board as board_profile

    found, drafts = {}, []
    for path in sorted((ROOT / "boards").glob("*.toml")):
        try:
            profile = board_profile.load_toml(path, lambda text: None)
        except ValueError as exc:
            raise ReleaseError(str(exc))
        if "draft" in profile:
            drafts.append("%s is left out: its board file is a draft" % path.stem)
        else:
            found[path.stem] = profile
    return found, drafts
