# Where code runs in place: frozen, or from a ROMFS.
# MIT license; part of microevse

import evse_base as port


def test_frozen_code_runs_in_place():
    assert port._in_place("evse_base/__init__.py")


def test_code_in_an_ordinary_file_does_not():
    ordinary = port.__file__.replace("__init__.py", "log.pyi")
    assert ordinary.endswith("/log.pyi")
    assert not port._in_place(ordinary)


def test_a_file_that_cannot_be_opened_stops_nothing():
    assert not port._in_place("no/such/place/evse_base/__init__.mpy")
