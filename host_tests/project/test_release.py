# A release, made for real of a base image that is none: complete, checked, the same each time.
# MIT license; part of microevse
"""`make release` twice, with other hash seeds and time zones; its checks by the commands that
docs/release.md tells a reader. Never run here: ESP-IDF, docker, GitHub, a browser with a chip."""

import asyncio
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import pytest
from tools_paths import DEVICE_FILES, ROOT

for module in ("littlefs", "mpremote", "serial"):
    pytest.importorskip(module, reason="NOT RUN: %s is missing" % module)
import board as board_profile  # noqa: E402
import bundle  # noqa: E402
import espflash  # noqa: E402
import partitions  # noqa: E402
import release_facts as facts  # noqa: E402
import release_images as images  # noqa: E402
import release_kit  # noqa: E402
import release_sbom as sbom  # noqa: E402
import release_sign  # noqa: E402
import release_web as web  # noqa: E402
import slots  # noqa: E402
from slots import BLOCK  # noqa: E402
from slots import rom as slots_rom  # noqa: E402
from store.ramflash import RamFlash  # noqa: E402

VERSION = facts.version()
CHIPS = {}
for _path in sorted((ROOT / "boards").glob("*.toml")):
    _profile = board_profile.load_toml(_path, lambda text: None)
    if "draft" not in _profile:
        CHIPS[_path.stem] = _profile["chip"]
WITH_BASE = sorted(board for board, chip in CHIPS.items() if chip == "esp32")


def make(out, *args, **environment):
    command = [sys.executable, str(ROOT / "tools" / "release.py"), "-o", str(out), *args]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return release_kit.bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="module")
def made(base, tmp_path_factory):
    """(folder of a release that is not signed, what was printed)."""
    out = tmp_path_factory.mktemp("release") / "out"
    return out, make(out, "--base", str(base), PYTHONHASHSEED="1", TZ="UTC")


@pytest.fixture(scope="module")
def signed(made, tmp_path_factory):
    """The same release, signed by a Python that has no packages."""
    folder = tmp_path_factory.mktemp("signed")
    key = folder / "sign.pem"
    bundle.new_key(key)
    out = folder / "out"
    shutil.copytree(made[0], out)
    command = [sys.executable, "-S", "-E", ROOT / "tools" / "release_sign.py", out, key]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert release_sign.VERIFY in done.stdout
    return out


def installer(out):
    """The archive of the web installer; skips if the npm registry was out of reach."""
    path = out / ("microevse-web-%s.zip" % VERSION)
    if not path.exists():
        pytest.skip("NOT RUN: npm did not get %s" % web.PACKAGE)
    return path


def test_every_board_has_its_files(made):
    out, said = made
    wanted = {"microevse-base-esp32.bin", "sbom.cdx.json", "release-notes.md", "SHA256SUMS"}
    for board, chip in CHIPS.items():
        wanted.add("microevse-%s-%s-stock.bundle" % (board, VERSION))
        if chip == "esp32":
            wanted.add("microevse-%s-%s.bundle" % (board, VERSION))
            wanted.add("microevse-%s-%s.bin" % (board, VERSION))
            wanted.add("manifest-%s.json" % board)
        else:
            assert "not in it: no complete image for " + board in said
    assert len(WITH_BASE) >= 7
    names = {path.name for path in out.iterdir()}
    assert names - {"microevse-web-%s.zip" % VERSION} == wanted
    assert (out / "microevse-base-esp32.bin").read_bytes() == release_kit.base_image()


def test_two_builds_give_the_same_bytes(made, base, tmp_path):
    again = tmp_path / "again"
    make(again, "--base", str(base), PYTHONHASHSEED="2", TZ="Asia/Tokyo", LC_ALL="C")
    names = sorted(path.name for path in again.iterdir())
    assert names == sorted(path.name for path in made[0].iterdir())
    for name in names:
        assert (again / name).read_bytes() == (made[0] / name).read_bytes(), name


def partition(whole, label):
    table = partitions.from_binary(whole[partitions.TABLE_AT :][: partitions.TABLE_SIZE])
    p = partitions.find(table, label)
    return whole[p.offset : p.offset + p.size]


@pytest.mark.parametrize("board", WITH_BASE)
def test_a_complete_image_has_base_table_application_and_file_system(made, board):
    from littlefs import LittleFS

    whole = (made[0] / ("microevse-%s-%s.bin" % (board, VERSION))).read_bytes()
    name = release_kit.layout()
    assert set(whole[:0x1000]) == {0xFF}
    base = release_kit.base_image()
    assert whole[0x1000:0x8000] == base[:0x7000]
    assert partition(whole, "factory").startswith(base[0xF000:])
    table = partitions.from_binary(whole[partitions.TABLE_AT :][: partitions.TABLE_SIZE])
    assert table == partitions.LAYOUTS[name]
    # What must stay on a charger in use is behind the image, or blank in it.
    for p in table:
        if p.label not in ("factory", "romfs", "vfs", "phy_init"):
            assert set(partition(whole, p.label)) <= {0xFF}, p.label
    assert partitions.find(table, "journal").offset >= len(whole)
    rom = partition(whole, "romfs")
    places = slots_rom.files(rom[: slots_rom.HEAD])
    at, size = places["app_a"]
    flash = RamFlash(size // BLOCK, BLOCK)
    flash.image[:] = rom[at : at + size]
    record = slots.read(flash)
    assert record.live and record.confirmed
    assert (record.field("version"), record.field("board")) == (VERSION, board)
    at, size = places["app_b"]
    assert set(rom[at : at + size]) == {0xFF}
    data = partition(whole, "vfs")
    vfs = LittleFS(block_size=4096, block_count=len(data) // 4096, mount=False)
    vfs.context.buffer = bytearray(data)
    vfs.mount()
    with vfs.open("board.json", "r") as file:
        profile = json.load(file)
    assert profile["name"] == board
    assert profile["features"] == "named", "a plain ESP32 is short of memory with all of them"
    assert "config.json" not in vfs.listdir("/")


def test_a_charger_starts_from_a_complete_image():
    """The application is compiled for this computer; everything else is as in a release."""
    import update_kit
    from bench import Bench

    async def story():
        with tempfile.TemporaryDirectory() as folder:
            data = pathlib.Path(folder)
            bases = release_kit.bases(data / "bases")
            app = update_kit.application("7.8.9")
            path = bases / "microevse-base-esp32.bin"
            release_kit.chip(data, images.complete(app, "esp32", path), data / "vfs")
            firmware = [data / "vfs", data / "vfs" / "lib"]
            async with Bench(data=folder, firmware=firmware) as b:
                boot = await b.boot()
                assert boot["firmwareVersion"] == "7.8.9"
                assert b.logged("boot: app_a 7.8.9, confirmed")

    asyncio.run(story())


def test_updates_are_signed_for_their_board_and_format(made, signed):
    keys = (signed / "update.pub").read_text()
    for board, chip in CHIPS.items():
        kinds = {"-stock.bundle": "lfs2"}
        if chip == "esp32":
            kinds[".bundle"] = "romfs"
        for suffix, format in kinds.items():
            name = "microevse-%s-%s%s" % (board, VERSION, suffix)
            head = bundle.verify((signed / name).read_bytes(), board, keys)
            assert (head.version, head.format) == (VERSION, format)
            with pytest.raises(bundle.BundleError, match="for board"):
                bundle.verify((signed / name).read_bytes(), "toaster", keys)
            plain = (made[0] / name).read_bytes()
            assert bundle.verify(plain, board).key is None
            # Signing once left the number out: a charger took what its base image cannot run.
            assert head.base == (bundle.BASE if format == "romfs" else 0)
            assert plain[bundle.HEADER :] == (signed / name).read_bytes()[bundle.HEADER :]


def shown(page, start):
    """The commands of a page's blocks that begin with `start`."""
    return re.findall(r"^    (%s.*)$" % re.escape(start), (ROOT / page).read_text(), re.M)


def test_the_commands_of_the_page_check_a_release(signed, tmp_path):
    (verify,) = shown("docs/release.md", "openssl dgst")
    (compare,) = shown("docs/release.md", "sha256sum")
    assert verify == release_sign.VERIFY

    def run(command, folder):
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True)
        return done.returncode == 0

    assert run(verify, signed) and run(compare, signed)
    listed = [line.split("  ")[1] for line in (signed / "SHA256SUMS").read_text().splitlines()]
    rest = {path.name for path in signed.iterdir()} - {"SHA256SUMS", "SHA256SUMS.sig"}
    assert listed == sorted(rest)
    copy = tmp_path / "copy"
    shutil.copytree(signed, copy)
    path = copy / ("microevse-%s-%s.bin" % (WITH_BASE[0], VERSION))
    data = bytearray(path.read_bytes())
    data[0x200100] ^= 1
    path.write_bytes(data)
    assert run(verify, copy) and not run(compare, copy)
    with pytest.raises(bundle.BundleError, match="not of these files"):
        release_sign.check(copy)
    release_sign.checksums(copy)
    assert not (copy / "SHA256SUMS.sig").exists()
    shutil.copy(signed / "SHA256SUMS.sig", copy)
    assert run(compare, copy) and not run(verify, copy)
    with pytest.raises(bundle.BundleError, match="openssl"):
        release_sign.check(copy)


def test_only_the_known_key_signs(made, tmp_path):
    ours, other = tmp_path / "ours.pem", tmp_path / "other.pem"
    bundle.new_key(ours)
    bundle.new_key(other)
    known = tmp_path / "known.pem"
    known.write_bytes(bundle.openssl("pkey", "-in", ours, "-pubout"))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(bundle.BundleError, match="has no update"):
        release_sign.sign(out, ours, known)
    name = "microevse-esp32_devkitc-%s.bundle" % VERSION
    shutil.copy(made[0] / name, out)
    with pytest.raises(bundle.BundleError, match="not the private key"):
        release_sign.sign(out, other, known)
    assert bundle.verify((out / name).read_bytes()).key is None
    release_sign.sign(out, ours, known)
    release_sign.check(out, known)
    # Again, with an RSA key: nothing of the first signature stays.
    rsa = tmp_path / "rsa.pem"
    bundle.new_key(rsa, 2048)
    release_sign.sign(out, rsa, tmp_path / "no such file")
    release_sign.check(out)
    assert bundle.verify((out / name).read_bytes(), keys=bundle.public(rsa)).key
    with pytest.raises(bundle.BundleError):
        release_sign.check(out, known)


# -- the web installer --------------------------------------------------------------------------


def test_the_manifest_is_one_that_the_installer_reads(made):
    """Names and kinds of chips are compared with the types in the package itself."""
    manifest = json.loads((made[0] / "manifest-esp32_devkitc.json").read_text())
    (build,) = manifest["builds"]
    (part,) = build["parts"]
    assert manifest["version"] == VERSION and manifest["new_install_prompt_erase"] is True
    assert manifest["new_install_improv_wait_time"] == 0  # no Improv: waiting for it is in vain
    assert (made[0] / part["path"]).exists() and part["offset"] == 0
    installer(made[0])
    with zipfile_of(web.package()) as types:
        text = types.read("package/dist/const.d.ts").decode()
    known = text.split("interface Manifest {")[1].split("}")[0]
    for key in manifest:
        assert re.search(r"^\s+%s\??:" % key, known, re.M), key
    families = set(re.findall(r'"(ESP[\w-]+)"', text.split("chipFamily:")[1].split(";")[0]))
    assert set(images.FAMILIES.values()) <= families
    assert set(images.FAMILIES) == set(espflash.CHIPS)
    known = text.split("interface Build {")[1].split("builds")[0]
    for key in (*build, *part):
        assert key in known, key


class zipfile_of:
    """The members of an npm package by their names."""

    def __init__(self, data):
        import io
        import tarfile

        self._tar = tarfile.open(fileobj=io.BytesIO(data))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._tar.close()

    def read(self, name):
        return self._tar.extractfile(name).read()


def test_the_archive_has_all_that_the_page_names(made):
    with zipfile.ZipFile(installer(made[0])) as archive:
        names = archive.namelist()
        page = archive.read("index.html").decode()
        assert names == sorted(names) and {"index.html", web.FOLDER + "LICENSE.txt"} < set(names)
        for board in WITH_BASE:
            assert 'manifest="manifest-%s.json"' % board in page
            manifest = json.loads(archive.read("manifest-%s.json" % board))
            name = manifest["builds"][0]["parts"][0]["path"]
            assert archive.read(name) == (made[0] / name).read_bytes()
        # Each script that a script names is there, and has its checksum in the page.
        sums = json.loads(page.split('<script type="importmap">')[1].split("</script>")[0])
        for name in names:
            if name.endswith(".js"):
                data = archive.read(name)
                assert sums["integrity"]["./" + name] == web.integrity(data, "sha384")
                for other in re.findall(r'"\./([\w.-]+\.js)"', data.decode()):
                    assert web.FOLDER + other in names, other
        assert 'integrity="%s"' % sums["integrity"]["./" + web.ENTRY] in page
    assert VERSION in page and "@" not in re.sub(r"@media", "", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


# -- the bill of materials ----------------------------------------------------------------------


def flat(components):
    for component in components:
        yield component
        yield from flat(component.get("components", ()))


def test_the_bill_lists_what_is_there(made):
    bill = json.loads((made[0] / "sbom.cdx.json").read_text())
    found = {part["bom-ref"]: part for part in flat(bill["components"])}
    page = sorted((ROOT / "firmware" / "web" / "static").iterdir())
    assert page
    for path in DEVICE_FILES + page:
        part = found[path.relative_to(ROOT).as_posix()]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert part["hashes"] == [{"alg": "SHA-256", "content": digest}]
        assert (part["version"], part["licenses"]) == (VERSION, [{"license": {"id": "MIT"}}])
    base = found["microevse-base-esp32.bin"]
    digest = hashlib.sha256(release_kit.base_image()).hexdigest()
    assert base["hashes"][0]["content"] == digest
    inside = {part["name"]: part for part in base["components"]}
    assert inside["MicroPython"]["version"] == "v1.28.0"
    assert inside["ESP-IDF"]["version"] == "v5.5.1"
    assert inside["ESP-IDF"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    pins = (ROOT / "requirements.txt").read_text()
    (server,) = [part for part in found.values() if part["name"] == "microdot"]
    assert "microdot==%s\n" % server["version"] in pins
    assert {part["name"] for part in server["components"]} >= {"microdot/microdot.py"}
    for part in bill["metadata"]["tools"]["components"]:
        assert "%s==%s\n" % (part["name"], part["version"]) in pins
    installer(made[0])
    part = found["pkg:npm/%s@%s" % (web.PACKAGE, web.VERSION)]
    digest = hashlib.sha512(web.package()).hexdigest()
    assert part["hashes"] == [{"alg": "SHA-512", "content": digest}]


def test_the_date_of_a_release_is_the_one_that_is_given(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    bill = sbom.bill(VERSION, facts.date(), [])
    assert bill["metadata"]["timestamp"] == "2027-01-15T08:00:00Z"
    early, late = (web.archive({"a": b"x"}, seconds) for seconds in (0, facts.date()))
    assert early != late and len(early) == len(late)


def test_the_bill_is_valid_by_the_official_schema(made):
    validation = pytest.importorskip(
        "cyclonedx.validation.json", reason="NOT RUN: cyclonedx-python-lib is missing"
    )
    from cyclonedx.schema import SchemaVersion

    judge = validation.JsonStrictValidator(SchemaVersion.from_version(sbom.SPEC))
    text = (made[0] / "sbom.cdx.json").read_text()
    assert judge.validate_str(text) is None
    # It can find something.
    bad = json.loads(text)
    bad["components"][0]["licenses"] = [{"license": {"id": "no such licence"}}]
    assert judge.validate_str(json.dumps(bad)) is not None
