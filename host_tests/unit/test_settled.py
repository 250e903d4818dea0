# All parts are there: what a package knows of its modules is forgotten, and they are found.
# MIT license; part of microevse

import sys

from evse_base import MICROPYTHON, forget
from hal import memory


def entries(package):
    return len(sys.modules[package].__dict__)


def test_a_package_that_forgets_its_modules_has_them_all_the_same():
    from station import faults, limits
    from store import cbor

    import hal

    before = entries("station")
    memory.settle()
    assert sys.modules["hal"] is hal and hal.__name__ == "hal" and hal.__path__
    if MICROPYTHON:
        assert entries("station") <= 3 < before and entries("hal") <= 3
        assert not hasattr(hal, "memory")
    # What is loaded is found, the same module as before.
    from station import faults as again
    from station.limits import Limits
    from store import cbor as third

    assert again is faults and Limits is limits.Limits and third is cbor


def test_a_module_can_be_loaded_and_dropped_after_that():
    memory.settle()
    forget("store.wipe")
    from store import wipe

    assert sys.modules["store.wipe"] is wipe
    forget("store.wipe")
    assert "store.wipe" not in sys.modules
    assert not hasattr(sys.modules["store"], "wipe")
    from store import wipe as again

    assert again is not wipe
    forget("store.wipe")


def test_it_may_be_done_again_and_a_package_need_not_be_there():
    forget("iec61851")
    memory.settle()
    memory.settle()
    from iec61851 import duty

    assert sys.modules["iec61851.duty"] is duty
