# The public roots that the firmware carries: what is in the file, and where it is from.
# MIT license; part of microevse

import datetime
import pathlib
import re

import pytest
from tools_paths import ROOT

import bundle
import public_roots
import roots
from update_kit import application

x509 = pytest.importorskip("cryptography.x509", reason="NOT RUN: cryptography is missing")
# Of the release of certifi that requirements.txt names. A fixed day: the test must not fail by
# itself one morning.
TAKEN = datetime.datetime(2026, 10, 19, tzinfo=datetime.timezone.utc)
YEARS = datetime.timedelta(days=5 * 365 + 2)


def shipped():
    """{name: certificate} as the charger reads them."""
    ders = roots.every()
    assert [roots.load("public", place) for place in range(len(ders))] == ders
    with open(ROOT / "firmware" / "roots.der", "rb") as file:
        names = roots.index(file)[::3]
    return {name: x509.load_der_x509_certificate(der) for name, der in zip(names, ders)}


def test_the_roots_of_a_base_image_stay_as_long_as_its_number():
    """Chargers that have it are not written again: with new roots in ROOTS alone, bundles would
    leave them out, and these chargers would have the old ones."""
    assert {2: 0x6DAED743}[bundle.BASE] == bundle.BASE_ROOTS


def test_each_root_is_one_and_good_for_five_years():
    certificates = shipped()
    assert list(certificates) == list(public_roots.ROOTS)
    for name, certificate in certificates.items():
        assert certificate.issuer == certificate.subject, name
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.value.ca, name
        assert certificate.not_valid_after_utc > TAKEN + YEARS, name
        assert certificate.not_valid_before_utc < TAKEN, name
        assert public_roots.ROOTS[name] in certificate.subject.rfc4514_string(), name
        assert certificate.signature_hash_algorithm.name in ("sha256", "sha384", "sha512"), name


def test_a_root_can_be_had_by_its_name_and_others_are_refused():
    first, second = list(public_roots.ROOTS)[:2]
    assert roots.load("public/" + first, 5) == roots.load("public", 0)
    assert roots.load("public/" + second, 0) == roots.load("public", 1)
    for wrong in ("nobody", "../update.pub", "1391"):
        with pytest.raises(ValueError, match="no public root is called"):
            roots.load("public/" + wrong, 0)


def test_the_root_that_a_chain_names_is_found_and_no_other():
    names = [certificate.subject.public_bytes() for certificate in shipped().values()]
    assert len(set(names)) == len(names), "each name is that of one root"
    stranger = b"\x30\x00"
    for number, name in enumerate(names):
        other = (number + 1) % len(names)
        assert roots.wanted([name], other) == number
        assert roots.wanted([stranger, name, stranger], other) == number
        assert roots.wanted([name], number) is None, "it was tried already"
        # The server's own certificate is the last: the shorter chain is the right one.
        assert roots.wanted([names[other], name], len(names)) == number
        assert roots.wanted([names[other], name], number) == other
    assert roots.wanted([stranger], 0) is None and roots.wanted([], 0) is None


def test_a_build_without_the_file_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(roots, "__file__", str(tmp_path / "roots.py"))
    with pytest.raises(ValueError, match="this build has no public roots"):
        roots.load("public", 0)
    with pytest.raises(ValueError, match="this build has no public roots"):
        roots.wanted([], 0)


def test_without_the_file_those_of_the_base_image_are_read(tmp_path, monkeypatch):
    whole, data = roots.every(), (ROOT / "firmware" / "roots.der").read_bytes()
    monkeypatch.setattr(roots, "__file__", str(tmp_path / "roots.py"))
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "roots_der.py").write_text("DATA = %r\n" % data)
    monkeypatch.syspath_prepend(tmp_path / "base")
    assert roots.every() == whole
    assert roots.load("public/isrg_x2", 0) == whole[-1]
    # A file is newer than a base image, and comes first.
    (tmp_path / "roots.der").write_bytes(public_roots.packed({"one": whole[0]}))
    assert roots.every() == whole[:1]


def test_a_file_beside_a_module_without_a_folder_is_in_the_current_one(monkeypatch):
    whole = roots.every()
    monkeypatch.chdir(ROOT / "firmware")
    monkeypatch.setattr(roots, "__file__", "roots.py")
    assert roots.every() == whole


def test_the_file_is_certifis():
    certifi = pytest.importorskip("certifi", reason="NOT RUN: certifi is missing")
    found = public_roots.wanted(pathlib.Path(certifi.where()).read_text())
    assert public_roots.packed(found) == (ROOT / "firmware" / "roots.der").read_bytes()
    with pytest.raises(ValueError, match="certifi has no isrg_x1"):
        public_roots.wanted("")


def test_the_document_says_what_it_costs():
    size = (ROOT / "firmware" / "roots.der").stat().st_size
    assert len(application("0.1.0")["roots.der"]) == size, "it goes onto the board"
    page = (ROOT / "docs" / "network.md").read_text()
    told = re.search(r"([\d,]+) bytes of flash", page).group(1)
    assert int(told.replace(",", "")) == size
    assert set(re.findall(r"`(\w+)`", page[page.index("| root |") :].split("\n\n")[0])) == set(
        public_roots.ROOTS
    )
