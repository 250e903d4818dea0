# Log lines: format, the ring of the last ones, and secrets that must not show.
# MIT license; part of microevse

from evse_base import log
from evse_base.clock import Clock
from station import declarations


def collect(fn):
    lines = []
    log.use_sink(lines.append)
    try:
        fn()
    finally:
        log.use_sink(None)
    return lines


def test_a_line_has_uptime_level_tag_and_text():
    ms = [0]
    log.use_clock(Clock(lambda: ms[0]))
    ms[0] = 12345

    def write():
        log.info("ocpp", "connected")
        log.warn("ocpp", "call %s took %d ms", "Heartbeat", 15)
        log.error("meter", "100% wrong")

    assert collect(write) == [
        "12.345 I ocpp: connected",
        "12.345 W ocpp: call Heartbeat took 15 ms",
        "12.345 E meter: 100% wrong",
    ]
    assert log.tail()[-1] == "12.345 E meter: 100% wrong"


def test_wrong_arguments_are_printed_and_raise_nothing():
    lines = collect(lambda: log.info("x", "%d apples", "many"))
    assert "many" in lines[0] and "%d apples" in lines[0]
    lines = collect(lambda: log.info("x", "%s", 1, 2))
    assert "(1, 2)" in lines[0]


def test_lines_are_made_one_by_one_while_others_come_and_go():
    log.use_room(1024)
    collect(lambda: [log.info("t", "first %d é", i) for i in range(5)])
    assert list(log.lines()) == log.tail() and len(log.tail()) == 5
    reading = log.lines()
    assert next(reading).endswith("first 0 é")
    collect(lambda: log.info("t", "new"))
    assert [line[-9:] for line in reading] == ["first %d é" % i for i in range(1, 5)]
    # All that was there has gone: the reader ends.
    reading = log.lines()
    next(reading)
    collect(lambda: [log.info("t", "later %d" % i) for i in range(99)])
    assert list(reading) == []
    # Some has gone: the reader goes on with what is left of it.
    reading = log.lines()
    whole = log.tail()
    next(reading)
    collect(lambda: [log.info("t", "last %d" % i) for i in range(9)])
    left = list(reading)
    assert 0 < len(left) < len(whole) and left == whole[-len(left) :]
    # A new room has none of the old lines.
    reading = log.lines()
    next(reading)
    log.use_room(1024)
    assert list(reading) == [] and list(log.lines()) == []
    log.use_room(1536)


def test_the_last_lines_are_kept_whole_and_in_order():
    def write():
        for i in range(95):
            log.info("t", "line %d \u00e9%s", i, "x" * (i % 7))

    log.use_room(1024)
    assert log.tail() == [] and log.last(100) == b""
    lines = collect(write)
    tail = log.tail()
    assert tail == lines[-len(tail) :]
    # Not one more would have had room.
    taken = len("\n".join(tail).encode()) + 1
    assert taken <= 1024 < taken + len(lines[-len(tail) - 1].encode()) + 1
    assert log.last(1024) == "\n".join(tail).encode()
    size = len("\n".join(tail[-3:]).encode())
    assert log.last(size) == log.last(size + 5) == "\n".join(tail[-3:]).encode()
    assert log.last(size - 1).decode().split("\n") == tail[-2:]
    log.use_room(1536)


def test_long_lines_are_cut():
    lines = collect(lambda: log.info("t", "x" * 5000))
    assert len(lines[0]) == 200 and lines[0].endswith("...")
    assert len(log.tail()[-1]) == 200


SECRET = "s3cr{t}VALUE-1234567"


def test_secrets_are_masked_wherever_they_are():
    for text in (
        '[2,"17","ChangeConfiguration",{"key":"AuthorizationKey","value":"%s"}]',
        '[2,"17","ChangeConfiguration",{"value":"%s","key":"AuthorizationKey"}]',
        '[2,"17","ChangeConfiguration",{"value": "%s", "key": "WifiPassword"}]',
        '{"key":"authorizationKEY","readonly":false,"value":"%s"}',
        '{"key":"A","value":"1"},{"value":"%s","key":"WebPassword"},{"key":"B"}',
        '{"AuthorizationKey": "%s", "Other": 1}',
        "{'WifiPassword': '%s'}",
        '{\\"WifiPassword\\":\\"%s\\"}',
        '{\\"key\\":\\"WifiPassword\\",\\"value\\":\\"%s\\"}',
        "WebPassword=%s&next=1",
        "set WebPassword: %s",
        "AuthorizationKey = '%s'",
        "ws://user:%s@example.com:8080/ocpp/CP1",
        "get ftp://user:%s@10.0.0.1/fw.bin now",
        "Authorization: Basic %s",
        "authorization: bearer %s\r\nHost: x",
        "header was Basic %s",
        '{"password":"%s","x":"y"}',
        '{"a":{"key":"AuthorizationKey","value":"%s"},"b":{"password":"%s"}}',
        '{"key":"AuthorizationKey","value":"%s"},{"key":"AuthorizationKey","value":"%s"}',
        '{"value":"%s","key":"AuthorizationKey"},{"value":"%s","key":"AuthorizationKey"}',
        '{"password":"%s',
    ):
        # A bare word ends at a brace: in those places the secret has none.
        secret = SECRET if '"' in text or "'" in text else "s3cr.t-VALUE-1234567"
        if "://" in text:
            secret = "s3cr.t!VALUE"
        full = text.replace("%s", secret)
        masked = log.redact(full)
        assert "VALUE" not in masked and "1234567" not in masked, masked
        assert "s3cr" not in masked, masked
        assert "***" in masked, masked


def test_the_value_of_each_setting_that_is_never_shown_is_masked():
    hidden = 0
    for line in declarations.BLOB.split("\n"):
        fields = line.split("|")
        if len(fields) > 4 and "w" in fields[3] and "r" not in fields[3]:
            hidden += 1
            told = log.redact("%s=s3cr.t-VALUE set" % fields[0])
            assert told == fields[0] + "=*** set", told
            told = log.redact('{"key":"%s","value":"s3cr.t-VALUE"}' % fields[0])
            assert "VALUE" not in told, told
    assert hidden >= 7


def test_a_secret_with_escaped_quotes_is_masked_to_its_end():
    masked = log.redact('{"password":"a\\"b\\\\","x":"y"}')
    assert masked == '{"password":"***","x":"y"}', masked


def test_masking_leaves_the_rest_as_it_is():
    assert (
        log.redact('[2,"1","X",{"key":"AuthorizationKey","value":"abc"}]')
        == '[2,"1","X",{"key":"AuthorizationKey","value":"***"}]'
    )
    assert log.redact("ws://u:p@h:80/x?y=1 WebPassword=abc&z=2") == (
        "ws://u:***@h:80/x?y=1 WebPassword=***&z=2"
    )
    for text in (
        "",
        '[2,"17","Authorize",{"idTag":"04A1B2C3"}]',
        "ws://example.com:8080/ocpp/CP1",
        "wss://user@example.com/x",
        "a basic fact",
        "wrong password",
        '{"key":"HeartbeatInterval","value":"300"}',
        '{"key":"A","value":"keep"},{"key":"WebPassword","readonly":false},'
        '{"key":"B","value":"keep too"}',
    ):
        assert log.redact(text) == text, log.redact(text)


def test_hostile_text_ends_and_raises_nothing():
    for text in (
        "password" * 50,
        '"password":' * 50,
        'password="' * 50,
        "://:@" * 50,
        "basic " * 50,
        '"key":"password","value":"' * 20,
        '{"value":"x","key":"password' * 20,
        "password=",
        'password:\\"',
        "\x00\xff password:\u20ac",
    ):
        log.redact(text)
