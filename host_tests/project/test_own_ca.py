# The commands of docs/certificates.md for one's own authority make what the charger believes.
# MIT license; part of microevse
"""They are taken out of the page, and run as they stand there."""

import base64
import hashlib
import re
import shutil
import subprocess
import time

import pytest
from ocppj import pem, tls
from pki import chain, run, signature
from pki.chain import ChainError
from tools_paths import ROOT

PAGE = (ROOT / "docs" / "certificates.md").read_text()
SECTION = PAGE.split("\n## Your own CA\n")[1].split("\n## ")[0]
SIGN = "openssl dgst"
PURPOSES = {"server": "csms.example", "client": "EVSE-1", "signing": "Firmware 1"}
FILES = {"server": "server", "client": "client", "signing": "fw"}


def blocks():
    """The indented blocks of the section: the certificates, and the signature."""
    found = re.findall(r"(?:^    .*\n)+", SECTION, re.MULTILINE)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in found]


def openssl_is_3():
    if not shutil.which("openssl"):
        return False
    said = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout
    return re.match(r"OpenSSL ([3-9]|\d\d)\.", said)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if not openssl_is_3():
        pytest.skip("NOT RUN: needs OpenSSL 3")
    made = tmp_path_factory.mktemp("ca")
    certificates, signing = blocks()
    assert SIGN not in certificates and signing.startswith(SIGN)
    shell(certificates, made)
    return made


def shell(commands, folder):
    done = subprocess.run(
        ["sh", "-e", "-c", commands], cwd=folder, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return done.stdout


def der(folder, name):
    return pem.pem_to_der((folder / name).read_text())[0]


def test_openssl_believes_each_for_its_purpose(folder):
    for name, purpose in (("server", "sslserver"), ("client", "sslclient"), ("fw", "any")):
        shell("openssl verify -CAfile root.pem -purpose %s %s.pem" % (purpose, name), folder)
    for purpose in ("sslserver", "sslclient"):
        with pytest.raises(AssertionError, match="certificate purpose"):
            shell("openssl verify -CAfile root.pem -purpose %s fw.pem" % purpose, folder)


def test_the_charger_believes_each_for_its_purpose_and_for_no_other(folder):
    root = der(folder, "root.pem")
    now = time.time() + 60
    for purpose, name in FILES.items():
        leaf = der(folder, name + ".pem")
        run(chain.check_root(root, now, purpose))
        run(chain.check([leaf], [root], now, purpose, name=PURPOSES[purpose]))
        for other in set(FILES) - {purpose}:
            with pytest.raises(ChainError, match="another purpose"):
                run(chain.check([leaf], [root], now, other))
        with pytest.raises(ChainError, match="another name"):
            run(chain.check([leaf], [root], now, purpose, name="other.example"))
    # Each key is that of its certificate, in a form that the charger reads.
    for name in FILES.values():
        text = (folder / (name + ".key")).read_text()
        keys = pem.pem_to_der(text, pem.PRIVATE_KEY)
        assert len(keys) == 1 and tls.fits(keys[0], der(folder, name + ".pem"))
        assert not tls.fits(keys[0], root)


def test_the_signature_is_that_of_the_file(folder):
    (folder / "F.bundle").write_bytes(b"an update")
    value = base64.b64decode(shell(blocks()[1], folder), validate=True)
    judged = run(chain.check([der(folder, "fw.pem")], [der(folder, "root.pem")], time.time() + 60,
                             "signing"))  # fmt: skip
    for data, right in ((b"an update", True), (b"another", False)):
        assert run(signature.good(judged.key, hashlib.sha256(data).digest(), value)) is right
