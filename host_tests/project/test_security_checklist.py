# docs/security.md and SECURITY.md say what the code does: tests, files, verdicts, known limits.
# MIT license; part of microevse
"""Who decides whether a charger may be used follows the names in the page. A name that leads
nowhere is worse than none, and so is a limit that is not there any more, or one that is not told.
"""

import ast
import asyncio
import re

import partitions
import pytest
from microdot.microdot import NoCaseDict, Request
from station.settings import Settings
from tools_paths import DEVICE_FILES, FIRMWARE_DIRS, ROOT, TESTS
from web import login, server

PAGE = (ROOT / "docs" / "security.md").read_text()
POLICY = (ROOT / "SECURITY.md").read_text()
SECRETS = (ROOT / "docs" / "secrets.md").read_text()

# ETSI EN 303 645 V2.1.1, its provisions as we know them: how many there are under each heading.
COUNTS = {
    "5.1": 5, "5.2": 3, "5.3": 16, "5.4": 4, "5.5": 8, "5.6": 9, "5.7": 2, "5.8": 3, "5.9": 3,
    "5.10": 1, "5.11": 4, "5.12": 3, "5.13": 1,
}  # fmt: skip
PROVISIONS = (
    ["4-1"]
    + ["%s-%d" % (head, i + 1) for head, count in COUNTS.items() for i in range(count)]
    + ["6.%d" % (i + 1) for i in range(5)]
)
VERDICTS = ("yes", "partly", "no", "not applicable")


def part(title, text=PAGE):
    """What stands under a heading of the second level."""
    return text.split("\n## %s\n" % title)[1].split("\n## ")[0]


def rows(text):
    """The cells of each row of the tables in `text`, without their heads."""
    found = []
    lines = text.splitlines()
    for before, line in zip(lines, lines[1:]):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and before.startswith("|") and not line.startswith("|---"):
            found.append(cells)
    return found


def known_tests():
    names = set()
    for path in TESTS.rglob("test_*.py"):
        names |= set(re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.M))
    return names


@pytest.fixture(scope="module")
def checklist():
    return {row[0]: row[1:] for row in rows(part("The checklist of ETSI EN 303 645"))}


def test_each_test_that_is_named_is_there():
    """Whole names only: a part of one would go on leading somewhere when the test has gone."""
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 80
    assert not named - known_tests()


def test_each_test_file_that_is_named_is_there():
    """Files with their folder are looked for on every page (test_documents.py)."""
    found = re.findall(r"`(?:host_tests/\w+/)?(test_\w+\.py)`", PAGE)
    assert len(found) >= 2
    for name in found:
        assert list(TESTS.rglob(name)), name


def test_each_place_on_a_page_that_is_linked_is_there():
    """`page.md#heading`, as GitHub makes it of a heading."""
    for page, text in (("docs/security.md", PAGE), ("SECURITY.md", POLICY)):
        for target, place in re.findall(r"\]\(([\w./]*)#([\w-]+)\)", text):
            path = (ROOT / page).parent / target if target else ROOT / page
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
            known = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert place in known, (page, target, place)


def test_each_setting_that_is_named_is_one():
    known = set(Settings(None).declared())
    for text in (PAGE, POLICY):
        words = set(re.findall(r"`((?:[A-Z][a-z]+){2,})`", text))
        assert "ConsoleLocked" in words
        assert words <= known, words - known


def test_every_provision_has_its_row_and_one_of_four_verdicts(checklist):
    assert list(checklist) == PROVISIONS
    assert len(rows(part("The checklist of ETSI EN 303 645"))) == len(PROVISIONS) == 68
    for name, (short, force, verdict, where, shown) in checklist.items():
        assert verdict in VERDICTS, (name, verdict)
        assert force in ("must", "should") and len(short) > 10, name
        assert len(where) > 5, name
        assert shown == "-" or re.fullmatch(r"(`[\w./]+`(, )?)+", shown), name


def test_what_does_not_hold_says_why_and_what_holds_is_shown(checklist):
    """A "yes" without a test names the page that it is about; a "partly" says what is missing."""
    for name, (_, _, verdict, where, shown) in checklist.items():
        if verdict == "yes":
            assert shown != "-" or re.search(r"\]\([\w.]*[#\w.-]+\)|this page", where), name
        else:
            assert len(where) > 15, name
            missing = re.search(r"issing|\bR\d|\bnot?\b|as 5\.|maker|operator|cable", where)
            assert verdict != "partly" or missing, name
    held = [row[2] for row in checklist.values()]
    assert [held.count(verdict) > 3 for verdict in VERDICTS] == [True] * 4


def test_every_security_profile_has_its_row():
    least, most = next(w[4] for w in map(declared, ["SecurityProfile"])).split("..")
    wanted = [str(i) for i in range(int(least), int(most) + 1)]
    found = rows(part("What each profile gives"))
    assert [row[0] for row in found] == wanted == ["0", "1", "2", "3"]
    assert all("`test_" in row[4] for row in found)
    head = "| | " + " | ".join("profile " + number for number in wanted) + " |"
    assert head in part("Attackers")


def test_residual_risks_are_numbered_and_each_that_is_named_is_there():
    found = [row[0] for row in rows(part("Residual risks"))]
    numbers = [int(name[1:]) for name in found]
    assert numbers == sorted(set(numbers)) and len(found) > 15
    assert set(re.findall(r"\bR\d+\b", PAGE)) == set(found)


def declared(name):
    from station.declarations import fields

    return fields(name)


# -- known limits: told as long as they are there, and no longer ---------------------------------


def source(name):
    return next(p for p in DEVICE_FILES if str(p).endswith(name)).read_text()


def account():
    return login.Login(lambda password: password == "the right one", lambda: True, lambda: 0)


def answered(path):
    """Status of a request to the page without any credential, where a password is set."""

    class View:
        services = None

        def snapshot(self):
            return {}

        def log_lines(self):
            return ["a line"]

    app = server.make_app(View(), account())
    headers = NoCaseDict({"Host": "192.0.2.1"})
    request = Request(app, ("192.0.2.9", 1), "GET", path, "1.1", headers)
    return asyncio.run(app.dispatch_request(request)).status_code


def a_crowd_makes_a_newcomer_wait():
    """True if wrong passwords from many addresses make one wait from which none has come."""
    page = account()
    assert page.check("the right one", "192.0.2.1") == login.OK
    for i in range(40):
        page.check("a wrong one", "198.51.100.%d" % i)
    assert not page.wait_s("192.0.2.1"), "the right password has come from there"
    waits = page.wait_s("192.0.2.2") > 0
    page.forgive()
    assert not page.wait_s("192.0.2.2"), "the button ends it"
    return waits


def words(text):
    return " ".join(text.split())


LIMITS = {
    # sentence in SECURITY.md: (residual risk, fn() -> True while the code has this limit)
    "The page is plain HTTP": (
        "R1",
        lambda: not re.search(r"start_server\([^)]*ssl", source("web/door.py")),
    ),
    "Its state needs no log-in": ("R2", lambda: answered("/api/v1/state") == 200),
    "Wrong passwords from many addresses make an address wait that has never logged in": (
        "R3",
        lambda: a_crowd_makes_a_newcomer_wait(),
    ),
    "Passwords are judged by length and a few common words; there is no dictionary": (
        "R4",
        lambda: (
            Settings(None).set("WebPassword", "chocolate", True) == "accepted"
            and Settings(None).set("WebPassword", "a", True) == "rejected"
        ),
    ),
    "there is no flash encryption and no secure boot": (
        "R6",
        lambda: (
            "CONFIG_SECURE"
            not in (ROOT / "boards/micropython/MICROEVSE/sdkconfig.board").read_text()
        ),
    ),
    "The serial console is open until `ConsoleLocked` is set": (
        "R7",
        lambda: declared("ConsoleLocked")[5] == "false",
    ),
    "Updates need no signature until `update.pub`": (
        "R8",
        lambda: "takes_unsigned" in source("upkeep/transfers.py"),
    ),
    "MicroPython, ESP-IDF and its TLS library are updated by cable only": (
        "R9",
        lambda: (
            {
                row.label
                for table in partitions.LAYOUTS.values()
                for row in table
                if row.type == partitions.APP
            }
            == {"factory"}
        ),
    ),
    "The default is security profile 0": ("R11", lambda: declared("SecurityProfile")[5] == "0"),
    "There are no revocation lists": (
        "R13",
        lambda: not any(re.search(r"(?i)\bocsp\b|\bcrl\b", p.read_text()) for p in DEVICE_FILES),
    ),
    "The first central system can install the manufacturer's root, over TLS": (
        "R14",
        lambda: "while the charger has neither one" in source("station/certificates.py"),
    ),
}


@pytest.mark.parametrize("sentence", LIMITS)
def test_a_known_limit_is_told_as_long_as_it_is_there(sentence):
    """Who mends one takes its sentence out of SECURITY.md and out of this table, its row out of
    "Residual risks", and changes what names it; who mends a half says what is left."""
    risk, limit = LIMITS[sentence]
    there = limit()
    told = sentence in words(part("Known limits", POLICY))
    assert told is there, (risk, "there" if there else "not there any more")
    assert risk in [row[0] for row in rows(part("Residual risks"))]


def test_what_is_told_without_a_log_in_is_not_everything():
    """Else the row on the page's state would be shown by a page that asks nobody."""
    assert answered("/api/v1/state") == 200 and answered("/api/v1/log") == 401


def test_what_a_charger_without_a_key_says_is_quoted():
    assert "`unsigned updates are taken`" in PAGE and "`Updates that nobody has" in PAGE
    text = source("upkeep/transfers.py")
    for quoted in ("unsigned updates are taken", "Updates that nobody has signed are taken."):
        assert quoted in text and "`%s`" % quoted in PAGE


def test_no_secret_is_in_the_program():
    """ETSI EN 303 645, 5.4-3: secret settings are empty, and nothing looks like a private key."""
    settings = Settings(None)
    secret = [name for name in settings.declared() if settings.is_secret(name)]
    assert len(secret) >= 7
    assert not [name for name in secret if declared(name)[5]]
    for folder in FIRMWARE_DIRS:
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                data = path.read_bytes()
                assert not re.search(rb"PRIVATE KEY-----\s*[A-Za-z0-9+/]{20}", data), path
                assert path.suffix not in (".pem", ".key", ".crt"), path


def test_nothing_else_listens():
    """ETSI EN 303 645, 5.6-1: the page's port, and in the set-up network that for names."""
    found = set()
    asks = re.compile(r"start_server|bind\(|listen\(|webrepl|bluetooth|espnow")
    for path in DEVICE_FILES:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if asks.search(text) else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in ("start_server", "bind", "listen"):
                    found.add((path.name, node.func.attr))
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "")]
                assert not {"webrepl", "bluetooth", "espnow"} & set(names), path
    assert found == {
        ("door.py", "start_server"),
        ("portal.py", "start_server"),
        ("captive_dns.py", "bind"),
        ("dnsclient.py", "bind"),  # asks; the charger's own address on its own link
    }
    board = (ROOT / "boards/micropython/MICROEVSE/mpconfigboard.h").read_text()
    assert "#define MICROPY_PY_BLUETOOTH (0)" in board


def test_the_numbers_of_the_page_are_those_of_the_code():
    limits = (login._TRIES, login._WAIT_S, login._MAX_WAIT_S // 60)
    assert "%d tries, then waits of %d s to %d min" % limits in PAGE
    assert "sessions of %d random bits" % (8 * login._TOKEN_BYTES) in PAGE
    assert "24 h, log-out" in PAGE and login.SESSION_S == 24 * 3600
    assert login._MAX_SESSIONS == 4 and "the fifth ends the first" in PAGE
    index = (ROOT / "firmware" / "roots.der").read_bytes().split(b"\n")[0].split()
    assert PAGE.count("%d roots" % (len(index) // 3)) + PAGE.count("13 public roots") == 2
    assert server.MAX_EVENTS  # the page's code is what was read


def test_the_page_on_secrets_says_which_regions_flash_encryption_leaves_out():
    """ESP-IDF encrypts only the type `app` without a mark; these are of the type `data`."""
    table = part("Flash encryption", SECRETS)
    for label in ("romfs", "app_a", "app_b", "vfs", "secrets", "journal"):
        assert "`%s`" % label in table
        kinds = {
            row.type
            for layout in partitions.LAYOUTS.values()
            for row in layout
            if row.label == label
        }
        assert kinds == {partitions.DATA}, label
    assert "**not verified**" in table and "nothing of this was tried here" in table


def test_the_support_period_is_told():
    text = words(part("What is supported", POLICY))
    assert "There is no release yet" in text and "from the day of the first release on" in text
    unreleased = (ROOT / "CHANGELOG.md").read_text().split("\n## ")
    # The day of the first release: then this page has to say another thing.
    assert unreleased[1].startswith("Unreleased")
