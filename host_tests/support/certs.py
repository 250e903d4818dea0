# Throw-away certificates for the TLS tests, made with the openssl command.
# MIT license; part of microevse
"""A CA, a good server certificate for localhost, and bad ones.

Made once per process in a temporary folder that goes when the process does. Keys are EC
P-256: fast to make, and what a charger meets in the field.
"""

import atexit
import functools
import pathlib
import shutil
import ssl
import subprocess
import tempfile

_CONFIG = """\
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {name}
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[v3_server]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = {san}
[ca]
default_ca = signer
[signer]
dir = {dir}
database = {dir}/index.txt
serial = {dir}/serial
new_certs_dir = {dir}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""

_LOCAL = "DNS:localhost, IP:127.0.0.1"


class Paths:
    """Files in PEM: .ca, .other_ca, and .cert(name), .key(name) for the servers."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = str(folder / "ca.pem")
        self.other_ca = str(folder / "other_ca.pem")

    def cert(self, name):
        return str(self.folder / f"{name}.pem")

    def key(self, name):
        return str(self.folder / f"{name}.key")


def _openssl(*args):
    done = subprocess.run(["openssl", *args], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr}")


def _key(path):
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))


def _config(folder, name, san=_LOCAL):
    path = folder / f"{name}.cnf"
    path.write_text(_CONFIG.format(name=name, san=san, dir=folder))
    return str(path)


def _authority(folder, name, called=None):
    """A CA in files of that name; `called`: another common name."""
    _key(folder / f"{name}.key")
    _openssl(
        *("req", "-x509", "-new", "-sha256", "-days", "3650"),
        *("-key", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")),
        *("-config", _config(folder, called or name), "-extensions", "v3_ca"),
    )


def _signed(folder, name, key, by, out):
    """A certificate of a CA, by another CA: subject `name`, the key of the files `key`."""
    config = _config(folder, name)
    request = str(folder / f"{out}.csr")
    _openssl(
        *("req", "-new", "-key", str(folder / f"{key}.key"), "-out", request, "-config", config)
    )
    _openssl(
        *("x509", "-req", "-sha256", "-days", "3650", "-in", request, "-CAcreateserial"),
        *("-CA", str(folder / f"{by}.pem"), "-CAkey", str(folder / f"{by}.key")),
        *("-extfile", config, "-extensions", "v3_ca", "-out", str(folder / f"{out}.pem")),
    )


def _server(folder, name, san, start, end, ca="ca"):
    """A certificate of a CA of ours; `openssl ca` is the one way to set both dates everywhere."""
    config = _config(folder, name, san)
    _key(folder / f"{name}.key")
    request = str(folder / f"{name}.csr")
    key = str(folder / f"{name}.key")
    _openssl("req", "-new", "-key", key, "-out", request, "-config", config)
    _openssl(
        *("ca", "-batch", "-notext", "-config", config, "-extensions", "v3_server"),
        *("-cert", str(folder / f"{ca}.pem"), "-keyfile", str(folder / f"{ca}.key")),
        *("-startdate", start, "-enddate", end),
        *("-in", request, "-out", str(folder / f"{name}.pem")),
    )


@functools.lru_cache(maxsize=None)
def paths():
    """Make everything (about half a second) and return its Paths; the same ones ever after."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="microevse-certs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("1000\n")
    _authority(folder, "ca")
    _authority(folder, "other_ca")
    forever = ("20200101000000Z", "20491231235959Z")
    _server(folder, "server", _LOCAL, *forever)
    _server(folder, "wrong_host", "DNS:csms.example", *forever)
    _server(folder, "name_only", "DNS:localhost", *forever)
    _server(folder, "address_only", "IP:127.0.0.1", *forever)
    _server(folder, "other_server", _LOCAL, *forever, ca="other_ca")
    _server(folder, "expired", _LOCAL, "20200101000000Z", "20210101000000Z")
    return Paths(folder)


@functools.lru_cache(maxsize=None)
def chains():
    """As `paths`, and chains of more than one certificate, of public authorities' kinds:

    chained: by an authority that other_ca has signed, which is sent along. crossed: the same, and
    other_ca's key signed by `elder`, too. crossed_both: other_ca's key signed by `ca`. impostor:
    by an authority that is called other_ca, and has another key. impostor_both: the same, and that
    one vouched for by another that is called ca, with another key. stranger, elder: authorities
    that signed other things, or nothing. late: expired, by other_ca. wrong_name: by other_ca.
    alone: as chained, but the authority between is not sent.
    """
    made = paths()
    folder = made.folder
    for name in ("stranger", "elder"):
        _authority(folder, name)
    _authority(folder, "impostor_ca", called="other_ca")
    _authority(folder, "impostor_elder", called="ca")
    _signed(folder, "other_ca", "impostor_ca", "impostor_elder", "impostor_cross")
    forever = ("20200101000000Z", "20491231235959Z")
    _key(folder / "between.key")
    _signed(folder, "between", "between", "other_ca", "between")
    _signed(folder, "other_ca", "other_ca", "elder", "cross")
    _signed(folder, "other_ca", "other_ca", "ca", "cross_known")
    _server(folder, "alone", _LOCAL, *forever, ca="between")
    _server(folder, "impostor", _LOCAL, *forever, ca="impostor_ca")
    _server(folder, "of_stranger", _LOCAL, *forever, ca="stranger")
    _server(folder, "wrong_name", "DNS:csms.example", *forever, ca="other_ca")
    _server(folder, "late", _LOCAL, "20200101000000Z", "20210101000000Z", ca="other_ca")
    for name, parts in (
        ("chained", ("alone", "between")),
        ("crossed", ("alone", "between", "cross")),
        ("crossed_both", ("alone", "between", "cross_known")),
        ("impostor_both", ("impostor", "impostor_cross")),
    ):
        texts = [(folder / f"{part}.pem").read_text() for part in parts]
        (folder / f"{name}.pem").write_text("".join(texts))
        shutil.copy(made.key(parts[0]), made.key(name))
    return made


def server_context(name="server"):
    """Server-side SSLContext with the certificate of that name; TLS 1.2 or better."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(paths().cert(name), paths().key(name))
    return context
