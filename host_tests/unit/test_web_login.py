# The page's credentials: sessions, Basic, and how often one may guess.
# MIT license; part of microevse

from binascii import b2a_base64

from web.login import OK, SESSION_S, UNSET, WAIT, WRONG, Login, from_settings, same

PASSWORD = "correct horse"
HERE = "192.168.1.20"


class Bench:
    def __init__(self, password=PASSWORD):
        self.password = password
        self.time = 1000
        self.checked = 0
        self.attempts = []
        self.login = Login(
            self.check,
            lambda: bool(self.password),
            lambda: self.time,
            on_attempt=lambda ok, address: self.attempts.append((ok, address)),
        )

    def check(self, password):
        self.checked += 1
        return same(password, self.password)

    def wrong(self, times, address=HERE):
        return [self.login.check("wrong", address) for _ in range(times)]


def basic(text):
    return "Basic " + b2a_base64(text.encode()).decode().strip()


def test_same_compares_whole_strings():
    assert same("", "") and same("abc", "abc") and same("\u00e4", "\u00e4")
    for a, b in (("abc", "abd"), ("abc", "ab"), ("ab", "abc"), ("", "a"), ("a", ""), ("aa", "a")):
        assert not same(a, b), (a, b)


def test_right_password_opens_and_wrong_one_does_not():
    b = Bench()
    assert b.login.check(PASSWORD, HERE) == OK
    assert b.login.check("", HERE) == WRONG
    assert b.login.check(PASSWORD + "x", HERE) == WRONG
    assert b.attempts == [(True, HERE), (False, HERE), (False, HERE)]


def test_without_a_configured_password_nothing_opens():
    b = Bench("")
    assert not b.login.configured()
    assert b.login.check("", HERE) == UNSET
    assert b.login.check_basic(basic("admin:"), HERE) == UNSET
    assert b.checked == 0


def test_basic_needs_the_user_and_the_password():
    b = Bench()
    assert b.login.check_basic(basic("admin:" + PASSWORD), HERE) == OK
    assert b.login.check_basic("bAsIc " + basic("admin:" + PASSWORD)[6:], HERE) == OK
    for header in (
        basic("root:" + PASSWORD),
        basic("admin" + PASSWORD),
        "Bearer abc",
        "Basic %%%",
        "Basic",
        "",
    ):
        b.login = Login(b.check, lambda: True, lambda: b.time)
        assert b.login.check_basic(header, HERE) == WRONG, header


def test_basic_that_is_not_text_is_a_wrong_password():
    header = "Basic " + b2a_base64(b"admin:\xff\xfe\xfa").decode().strip()
    assert Bench().login.check_basic(header, HERE) == WRONG


def test_password_may_hold_colons():
    b = Bench("a:b:c:d:e")
    assert b.login.check_basic(basic("admin:a:b:c:d:e"), HERE) == OK


def test_five_wrong_passwords_cost_thirty_seconds_also_for_the_right_one():
    b = Bench()
    assert b.wrong(5) == [WRONG] * 5
    assert b.login.wait_s(HERE) == 30
    checked = b.checked
    assert b.login.check(PASSWORD, HERE) == WAIT
    assert b.login.check_basic(basic("admin:" + PASSWORD), HERE) == WAIT
    assert b.checked == checked
    b.time += 29
    assert b.login.check(PASSWORD, HERE) == WAIT
    b.time += 1
    assert b.login.check(PASSWORD, HERE) == OK


def test_wait_doubles_up_to_a_quarter_of_an_hour():
    b = Bench()
    b.wrong(5)
    waits = []
    for _ in range(8):
        waits.append(b.login.wait_s(HERE))
        b.time += waits[-1]
        assert b.wrong(1) == [WRONG]
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_right_password_ends_the_counting():
    b = Bench()
    b.wrong(4)
    assert b.login.check(PASSWORD, HERE) == OK
    assert b.wrong(4) == [WRONG] * 4
    assert b.login.wait_s(HERE) == 0


def test_wrong_passwords_are_forgotten_after_a_quiet_while():
    b = Bench()
    b.wrong(4)
    b.time += 901
    b.wrong(4)
    assert b.login.wait_s(HERE) == 0


def test_one_address_does_not_lock_out_another():
    b = Bench()
    b.wrong(5)
    assert b.login.check(PASSWORD, "192.168.1.21") == OK


def test_one_address_that_goes_on_trying_makes_nobody_else_wait():
    """After the twentieth wrong password from wherever it was everybody waited, for the whole day
    where one more followed each wait."""
    b = Bench()
    for _ in range(200):
        b.wrong(1)
        b.time += max(1, b.login.wait_s(HERE))
        assert b.login.wait_s("192.168.1.21") == 0
    # Nor does one that lets itself be forgotten again and again.
    b = Bench()
    for _ in range(50):
        assert b.wrong(4) == [WRONG] * 4
        assert b.login.wait_s("192.168.1.21") == 0
        b.time += 901


def test_many_addresses_together_are_limited_too():
    b = Bench()
    for i in range(20):
        assert b.wrong(1, "10.0.0.%d" % i) == [WRONG]
    assert b.login.wait_s("10.0.1.1") == 45
    assert b.login.check(PASSWORD, "10.0.1.1") == WAIT
    b.time += 44
    assert b.login.check(PASSWORD, "10.0.1.1") == WAIT
    b.time += 1
    assert b.login.check(PASSWORD, "10.0.1.1") == OK
    # A day of guesses from more addresses than are remembered.
    b = Bench()
    for second in range(24 * 60):
        b.time += 60
        b.wrong(10, "10.1.%d.%d" % (second // 250, second % 250))
    assert b.checked <= 20 + 86400 // 45


def crowd(b, rounds=30):
    """So many addresses try wrong passwords that everybody has to wait."""
    for i in range(rounds):
        b.wrong(1, "10.0.2.%d" % i)
    assert b.login.check(PASSWORD, "10.0.1.1") == WAIT


def test_a_crowd_does_not_end_a_session():
    b = Bench()
    token = b.login.open()
    for _ in range(23):
        crowd(b, 200)
        assert b.login.valid(token)
        b.time += 3600


def test_an_address_from_which_the_right_password_came_waits_for_its_own_tries_only():
    b = Bench()
    assert b.login.check(PASSWORD, HERE) == OK
    crowd(b)
    assert b.login.check(PASSWORD, HERE) == OK and b.login.wait_s(HERE) == 0
    assert b.wrong(5) == [WRONG] * 5
    assert b.login.check(PASSWORD, HERE) == WAIT and b.login.wait_s(HERE) == 30
    # Wrong ones make no address known.
    b = Bench()
    b.wrong(1)
    crowd(b)
    assert b.login.check(PASSWORD, HERE) == WAIT


def test_four_addresses_are_known_and_the_last_ones_that_logged_in():
    b = Bench()
    for last in (1, 2, 3, 4, 1, 5, 5):
        assert b.login.check(PASSWORD, "192.168.1.%d" % last) == OK
    peers = [("192.168.1.%d" % last, 50000 + last) for last in range(1, 6)]
    assert [b.login.accepted(peer) for peer in peers] == [True, False, True, True, True]
    # The unix port gives the C structure: family, port, address.
    assert b.login.accepted(b"\x02\x00\xc3\x50\xc0\xa8\x01\x05" + bytes(8))
    assert not b.login.accepted(b"\x02\x00\xc3\x50\xc0\xa8\x01\x02" + bytes(8))
    crowd(b)
    found = [b.login.check(PASSWORD, "192.168.1.%d" % last) for last in range(1, 6)]
    assert found == [OK, WAIT, OK, OK, OK]
    b.login.close_all()
    assert b.login.check(PASSWORD, "192.168.1.5") == WAIT, "it was another password"


def test_the_button_ends_all_waits_and_the_crowd_cannot_bring_them_back_at_once():
    b = Bench()
    b.wrong(9)
    crowd(b)
    assert b.login.check(PASSWORD, HERE) == WAIT
    b.login.forgive()
    assert b.login.wait_s(HERE) == 0
    b.time += 299
    for i in range(60):
        b.wrong(1, "10.0.3.%d" % i)
    assert b.login.wait_s(HERE) == 0 and b.login.wait_s("10.0.1.1") == 0
    # One address has its own limit all the same.
    assert b.wrong(6, "10.0.3.99")[4:] == [WRONG, WAIT]
    b.time += 1
    assert 0 < b.login.wait_s("10.0.1.1") <= 45, "however many were wrong meanwhile"
    b.login.forgive()
    assert b.login.check(PASSWORD, HERE) == OK


def test_after_the_button_all_addresses_together_have_400_tries_and_not_more():
    """Nine addresses in turn made the table of eight forget each: they tried at line speed."""
    b = Bench()
    assert b.login.check(PASSWORD, HERE) == OK
    b.login.forgive()
    before, waits = b.checked, []
    for second in range(300):
        for i in range(200):
            b.wrong(1, "10.0.4.%d" % (i % 9 if second % 2 else i))
        waits.append(b.login.wait_s("10.0.1.1"))
        b.time += 1
    print("%d tries" % (b.checked - before))
    assert 390 <= b.checked - before <= 400 and set(waits) == {1}
    # A try of the crowd is taken from nobody's own, and the next press of the button begins anew.
    assert b.login.check(PASSWORD, HERE) == OK
    b.login.forgive()
    assert b.login.wait_s("10.0.1.1") == 0
    # A known address that goes on makes others wait for a second, not for longer.
    for _ in range(300):
        b.wrong(1)
        b.login._addresses.clear()
    assert b.login.wait_s("10.0.1.1") == 1


def test_addresses_are_remembered_in_bounded_memory():
    b = Bench()
    for i in range(500):
        b.time += 1000
        b.wrong(1, "10.0.%d.%d" % (i // 250, i % 250))
    assert len(b.login._addresses) <= 8


def test_session_token_is_random_and_long():
    b = Bench()
    tokens = set([b.login.open() for _ in range(20)])
    assert len(tokens) == 20
    for token in tokens:
        assert len(token) == 32 and all([c in "0123456789abcdef" for c in token])


def test_session_is_valid_until_it_is_closed():
    b = Bench()
    token = b.login.open()
    assert b.login.valid(token)
    for other in ("", token[:-1], token + "0", "0" * 32, token.upper() + "x"):
        assert not b.login.valid(other)
    b.login.close("0" * 32)
    assert b.login.valid(token)
    b.login.close(token)
    assert not b.login.valid(token)


def test_session_ends_after_a_day():
    b = Bench()
    token = b.login.open()
    b.time += SESSION_S - 1
    assert b.login.valid(token)
    b.time += 1
    assert not b.login.valid(token)


def test_fifth_session_ends_the_oldest():
    b = Bench()
    tokens = [b.login.open() for _ in range(5)]
    assert [b.login.valid(t) for t in tokens] == [False, True, True, True, True]


def test_all_sessions_can_be_ended():
    b = Bench()
    token = b.login.open()
    b.login.close_all()
    assert not b.login.valid(token)


class Settings:
    def __init__(self, password):
        self.password = password
        self.listeners = []

    def text(self, name):
        assert name == "WebPassword"
        return self.password

    def on_change(self, fn):
        self.listeners.append(fn)


class Clock:
    time = 7

    def uptime(self):
        return self.time


def test_setting_is_the_password_and_a_change_ends_all_sessions():
    settings = Settings(PASSWORD)
    clock = Clock()
    login = from_settings(settings, clock)
    assert login.check(PASSWORD, HERE) == OK and login.check("wrong", HERE) == WRONG
    token = login.open()
    settings.listeners[0]("MaxCurrent", 16)
    assert login.valid(token)
    settings.password = "another one"
    settings.listeners[0]("WebPassword", "another one")
    assert not login.valid(token) and not login.accepted((HERE, 1))
    assert login.check(PASSWORD, HERE) == WRONG and login.check("another one", HERE) == OK
    clock.time += 300
    # What was tried was tried at the old one.
    for i in range(40):
        login.check("wrong", "10.0.0.%d" % i)
    assert login.check("another one", "10.0.1.1") == WAIT
    settings.listeners[0]("WebPassword", "another one")
    assert login.check("another one", "10.0.1.1") == OK


def test_setting_that_is_too_short_is_no_password():
    for password in ("", "1234567"):
        login = from_settings(Settings(password), Clock())
        assert not login.configured() and login.check(password, HERE) == UNSET
    assert from_settings(Settings("12345678"), Clock()).configured()
