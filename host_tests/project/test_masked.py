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
    ],
)
def test_secrets_are_masked(text, hidden):
    shown = Masker().mask(text)
    assert hidden not in shown and "***" in shown
    if text[0] == "[":
        assert json.loads(shown)[2] == json.loads(text)[2]


def test_what_is_no_secret_is_shown_letter_by_letter():
    text = '[2, "1","ChangeConfiguration",{ "key":"HeartbeatInterval","value":"\\u0037"}]'
    assert Masker().mask(text) == text


def test_a_secret_is_known_again():
    masker = Masker(["from the command line"])
    masker.mask('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"aabbccdd"}]')
    shown = masker.mask('[4,"1","InternalError","aabbccdd from the command line",{}]')
    assert shown == '[4,"1","InternalError","*** ***",{}]'
