# The web installer's page: its scripts, their checksums, and both in a browser.
# MIT license; part of microevse
"""Chromium loads the page with the real ESP Web Tools and writes a complete image to a chip: a
model of the bootloader, behind an object that stands for the serial port. The virtual board then
starts from that flash. No browser has ever written to a real chip."""

import asyncio
import contextlib
import io
import json
import pathlib
import re
import tarfile
import tempfile

import pytest
import release_images
import release_kit
import release_web as web
import update_kit
import web_flash
from bench import Bench
from browser import CHROMIUM, new_tab
from release_facts import ReleaseError

BOARDS = {"garage": "a design of ours <b>", "carport": ""}
FILES = {
    "package/dist/web/install-button.js": b'import("./dialog-1.js")',
    "package/dist/web/dialog-1.js": b"export default 1",
    "package/dist/web/readme.md": b"no script",
    "package/dist/other.js": b"not for the web",
    "package/LICENSE": b"Apache",
}


def packed(files):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def test_only_the_package_that_was_looked_at_is_taken():
    data = packed(FILES)
    # The form is the one of W3C Subresource Integrity; the digest of nothing is well known.
    assert web.integrity(b"", "sha256") == "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert web.unpacked(data, web.integrity(data)) == {
        "esp-web-tools/install-button.js": FILES["package/dist/web/install-button.js"],
        "esp-web-tools/dialog-1.js": FILES["package/dist/web/dialog-1.js"],
        "esp-web-tools/LICENSE.txt": b"Apache",
    }
    with pytest.raises(ReleaseError, match="not the package that was looked at"):
        web.unpacked(data)
    for missing in ("package/LICENSE", "package/dist/web/install-button.js"):
        data = packed({name: text for name, text in FILES.items() if name != missing})
        with pytest.raises(ReleaseError, match="has no"):
            web.unpacked(data, web.integrity(data))


def test_a_package_that_cannot_be_had_is_a_sentence(tmp_path, monkeypatch):
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho 'npm error 404' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:/usr/bin:/bin" % tmp_path)
    with pytest.raises(ReleaseError, match="npm does not get esp-web-tools .*404"):
        web.package(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    # What it gets is kept: the registry is asked once.
    program.write_text("#!/bin/sh\nprintf abc > %s-%s.tgz\n" % (web.PACKAGE, web.VERSION))
    sums = web.integrity(b"abc")
    assert web.package(tmp_path / "cache", sums) == b"abc"
    program.write_text("#!/bin/sh\nprintf def > %s-%s.tgz\n" % (web.PACKAGE, web.VERSION))
    assert web.package(tmp_path / "cache", sums) == b"abc"
    # A file that somebody has changed is not.
    assert web.package(tmp_path / "cache", web.integrity(b"def")) == b"def"


def test_the_page_allows_its_own_scripts_only():
    scripts = {"esp-web-tools/install-button.js": b"a", "esp-web-tools/LICENSE.txt": b"b"}
    page = web.page("1.2.3", BOARDS, scripts)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    inline = page.split('<script type="importmap">')[1].split("</script>")[0]
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'self'"
    assert rules["script-src"] == "'self' '%s'" % web.integrity(inline.encode(), "sha256")
    assert json.loads(inline) == {
        "integrity": {"./esp-web-tools/install-button.js": web.integrity(b"a", "sha384")}
    }
    # The only other script is the one from a file, and it has its checksum.
    assert page.count("<script") == 2 and "onclick" not in page
    assert "a design of ours &lt;b&gt;" in page
    assert page.index("manifest-carport.json") < page.index("manifest-garage.json")
    assert "Danger: mains voltage" in page and "never run on a real chip" in page


DIALOG = "document.querySelector('ewt-install-dialog')"
TEXT = DIALOG + "?.shadowRoot?.textContent"


@contextlib.asynccontextmanager
async def browser(folder, url):
    """A Tab that shows the page at `url`."""
    async with new_tab(folder) as tab:
        await tab("Page.addScriptToEvaluateOnNewDocument", source=web_flash.PORT)
        await tab("Page.navigate", url=url)
        yield tab


async def opened(tab, wait):
    """The dialog's text after a click on the button of a board; "" if it does not come."""
    button = "document.querySelector('[manifest=\"manifest-garage.json\"]')"
    await tab.until(f"!!({button} && {button}.shadowRoot)", 60)
    await tab.js(f"{button}.shadowRoot.querySelector('slot').click()")
    for _ in range(wait * 10):
        text = await tab.js(TEXT)
        if text and "garage" in text:
            return text
        await asyncio.sleep(0.1)
    return ""


async def click(tab, kind, word):
    """Click the element of the dialog with this word, once it is there."""
    found = f"[...{DIALOG}.shadowRoot.querySelectorAll('{kind}')]"
    found += f".find(e => e.textContent.trim().startsWith('{word}'))"
    await tab.until(f"!!{found}", 60)
    await tab.js(f"{found}.click()")


@pytest.fixture
def page(tmp_path):
    """A folder with the page of a release whose board `garage` has a complete image for this
    computer, and that image."""
    try:
        scripts = web.unpacked(web.package())
    except ReleaseError as exc:
        pytest.skip("NOT RUN: %s" % exc)
    base = release_kit.bases(tmp_path / "bases") / "microevse-base-esp32.bin"
    image = release_images.complete(update_kit.application("7.8.9"), "esp32", base)
    manifest = release_images.manifest("garage", "esp32", "7.8.9", "garage.bin")
    files = {**scripts, "manifest-garage.json": json.dumps(manifest).encode()}
    files["index.html"] = web.page("7.8.9", BOARDS, scripts).encode()
    files["garage.bin"] = image
    folder = tmp_path / "page"
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
    return folder, image


@contextlib.contextmanager
def site(folder, flash):
    made = web_flash.Site(folder, flash)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no Chromium")
def test_a_browser_writes_a_charger(page, tmp_path):
    folder, image = page
    flash = tmp_path / "chip"
    used = bytes(range(256)) * (4 << 12)  # a chip with something on it
    flash.write_bytes(used)

    async def story(erase):
        with site(folder, flash) as chip:
            async with browser(tmp_path / ("profile%d" % erase), chip.url) as tab:
                text = await opened(tab, 60)
                assert "Install microevse for garage" in text, (text, tab.errors)
                await click(tab, "ew-list-item", "Install")
                await tab.until(f"!!{DIALOG}.shadowRoot.querySelector('ew-checkbox')", 60)
                if erase:
                    await tab.js(f"{DIALOG}.shadowRoot.querySelector('ew-checkbox').click()")
                await click(tab, "ew-text-button", "Next")
                await click(tab, "ew-text-button", "Install")
                done = f"{DIALOG}._installState?.state"
                await tab.until(f"['finished', 'error'].includes({done})", 120)
                assert await tab.js(done) == "finished", await tab.js(TEXT)
                assert tab.errors == []
            # Nothing but the page's own files was asked for, and the chip was reset at the end.
            assert {path.lstrip("/") for path in chip.asked} - {"", "favicon.ico"} <= {
                path.relative_to(folder).as_posix() for path in folder.rglob("*")
            }
            reset = [lines["requestToSend"] for lines in chip.lines if "requestToSend" in lines]
            assert chip.rom.stub and reset[-2:] == [True, False]

    asyncio.run(story(False))
    written = flash.read_bytes()
    assert written[: len(image)] == image
    assert written[len(image) :] == used[len(image) :]  # the journal stays
    # Erased first, and then written with something short.
    (folder / "garage.bin").write_bytes(image[:0x9000])
    asyncio.run(story(True))
    assert flash.read_bytes() == image[:0x9000] + b"\xff" * (len(used) - 0x9000)

    async def started():
        with tempfile.TemporaryDirectory() as data:
            vfs = pathlib.Path(data, "vfs")
            release_kit.chip(pathlib.Path(data), written[: len(image)], vfs)
            async with Bench(data=data, firmware=[vfs, vfs / "lib"]) as b:
                assert (await b.boot())["firmwareVersion"] == "7.8.9"

    asyncio.run(started())


@pytest.mark.skipif(not CHROMIUM, reason="NOT RUN: no Chromium")
def test_a_browser_does_not_run_a_script_that_was_changed(page, tmp_path):
    """It is one that another script loads: its checksum stands in the page's map."""
    folder, _ = page
    (dialog,) = (folder / "esp-web-tools").glob("install-dialog-*.js")
    dialog.write_bytes(dialog.read_bytes() + b"\n")

    async def story():
        with site(folder, tmp_path / "chip") as chip:
            async with browser(tmp_path / "profile", chip.url) as tab:
                assert await opened(tab, 3) == ""
                assert "/esp-web-tools/" + dialog.name in chip.asked
                assert any("integrity" in json.dumps(error) for error in tab.errors), tab.errors

    asyncio.run(story())
