# OCPP messages that are shown to people hold no secrets.
# MIT license; part of microevse

import json

import pytest

from twin.masked import Masker


@pytest.mark.parametrize(
    "text, hidden",
    [
        (
            '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"aabbccdd"}]',
            "aabbccdd",
        ),
        (
            '[2,"1","ChangeConfiguration",{"value":"hunter-2","key":"BasicAuthPassword"}]',
            "hunter-2",
        ),
        ('[2,"1","ChangeConfiguration",{"key":"wifipassword","value":"hunter-2"}]', "hunter-2"),
        ('[2,"1","ChangeConfiguration",{"key":"SetupKey","value":"00ff00ff"}]', "00ff00ff"),
        (
            '[2,"1","DataTransfer",{"vendorId":"v","data":"{\\"password\\":\\"hunter-2\\"}"}]',
            "hunter-2",
        ),
        ('[2,"1","GetDiagnostics",{"location":"ftp://me:hunter-2@host/x"}]', "hunter-2"),
        (
            '[2,"1","SetVariables",{"setVariableData":[{"attributeValue":"hunter-2","component":'
            '{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}]',
            "hunter-2",
        ),
        ("not JSON, password=hunter-2", "hunter-2"),
        ('[2,"1","ChangeConfiguration",{"key":" setupkey ","value":"00ff00ff"}]', "00ff00ff"),
        ('[2,"1","ChangeConfiguration",{"key":"SetupKey","value":12345678}]', "12345678"),
        ('[2,"1","X",{"password":{"is":["hunter-2"]}}]', "hunter-2"),
        ('[3,"1",{"configurationKey":[{"key":"SetupKey","value":"hunter-2"}]}]', "hunter-2"),
        (
            '[2,"1","NotifyReport",{"reportData":[{"variable":{"name":"BasicAuthPassword"},'
            '"variableAttribute":[{"type":"Actual","value":"hunter-2"}]}]}]',
            "hunter-2",
        ),
        (
            '[2,"1","SetNetworkProfile",{"connectionData":{"apn":{"simPin":12345678}}}]',
            "12345678",
        ),
        (
            '[2,"1","SetNetworkProfile",{"connectionData":{"vpn":{"user":"u","key":"hunter-2"}}}]',
            "hunter-2",
        ),
        # A URL: its query, its fragment, its user; slashes as PHP writes them.
        ('[2,"1","GetDiagnostics",{"location":"https://host/x?sig=hunter-2&a=b"}]', "hunter-2"),
        ('[2,"1","GetDiagnostics",{"location":"https://host/x#hunter-2"}]', "hunter-2"),
        ('[2,"1","GetDiagnostics",{"location":"https:\\/\\/host\\/x?hunter-2"}]', "hunter-2"),
        ('[2,"1","GetDiagnostics",{"location":"ftp:\\/\\/me:hunter-2@host\\/x"}]', "hunter-2"),
        ('[2,"1","GetDiagnostics",{"location":"ftp://hunter-2@host/x"}]', "hunter-2"),
        ('[2,"1","GetDiagnostics",{"location":"ftp://me:hunter-2\\u0040host/x"}]', "hunter-2"),
        ("no JSON: https://host/x?sig=hunter-2", "hunter-2"),
        # JSON inside a text, and the beginning of a message that is too long to be read.
        (
            '[2,"1","DataTransfer",{"data":"{\\"key\\":\\"SetupKey\\",\\"value\\":\\"hunter-2\\"}"}]',
            "hunter-2",
        ),
        ('[2,"1","ChangeConfiguration",{"key":"SetupKey","value":"hunter-2... (9 b', "hunter-2"),
        ('[2,"1","ChangeConfiguration",{"value":"hunter-2","key":"SetupKey", ... (9', "hunter-2"),
        (
            '[2,"1","X",{"data":"{\\"value\\":\\"hunter-2\\",\\"key\\":\\"SetupKey... (9 b',
            "hunter-2",
        ),
        ('[2,"1","GetDiagnostics",{"location":"ftp://me:hunter-2... (99 bytes, more', "hunter-2"),
    ],
)
def test_secrets_are_masked(text, hidden):
    shown = Masker().mask(text)
    assert hidden not in shown and "***" in shown
    if text[0] == "[" and text[-1] == "]":
        assert json.loads(shown)[:2] == json.loads(text)[:2]


def test_what_is_no_secret_is_shown_letter_by_letter():
    text = '[2, "1","ChangeConfiguration",{ "key":"HeartbeatInterval","value":"\\u0037"}]'
    assert Masker().mask(text) == text


def test_a_secret_is_known_again():
    masker = Masker(["from the command line"])
    masker.mask('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"aabbccdd"}]')
    shown = masker.mask('[4,"1","InternalError","aabbccdd from the command line",{}]')
    assert shown == '[4,"1","InternalError","*** ***",{}]'


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","StartTransaction",{"idTag":"04A1B2C3D4","connectorId":1}]',
        '[2,"1","ChangeConfiguration",{"key":"CentralSystemURI","value":"wss://host:9000/ocpp"}]',
        '[2,"1","DataTransfer",{"data":"[1, 2]"}]',
        "no JSON: what is it?",
    ],
)
def test_tokens_of_drivers_and_plain_addresses_are_shown(text):
    assert Masker().mask(text) == text


def test_the_secret_of_a_url_is_known_again():
    masker = Masker()
    masker.mask('[2,"1","GetDiagnostics",{"location":"ftp://microevse:hunter-2@h/x?sig=abcdef"}]')
    shown = masker.mask('[4,"1","InternalError","hunter-2 sig=abcdef microevse",{}]')
    assert shown == '[4,"1","InternalError","*** *** microevse",{}]'


@pytest.mark.parametrize("text", ["[" * 5000, "[" * 100000, '[2,"1","A",' + "[" * 60 + "]" * 61])
def test_a_message_that_is_nested_too_deep_is_told_and_not_shown(text):
    assert Masker().mask(text) == "(%d characters, nested more than 40 levels deep)" % len(text)


def test_half_a_surrogate_pair_can_be_printed():
    text = '[2,"1","X",{"a":"\\ud800","password":"hunter-2"}]'
    shown = Masker().mask(text)
    shown.encode()
    assert "hunter-2" not in shown
