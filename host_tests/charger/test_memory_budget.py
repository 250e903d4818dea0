# The heap budget: no module and no session takes more than what is committed.
# MIT license; part of microevse
"""Modules at 32 bit from ROM against memory_budget.json; whole sessions on the twin, from ROM, at
a limit in bytes of the chip, times the factor that is measured here. Without node nothing of
that can be measured: then it is not run.
"""

import asyncio
import functools

import footprint
import memory_budget
import memory_run
import pytest

# KiB at 32 bit in which a session must pass: as low as it has been brought. A plain ESP32 has
# 110: neither set fits there yet (footprint.PLAIN_ESP32).
LIMIT_KIB = {"all": 150, "named": 148}


@pytest.fixture(scope="module", autouse=True)
def node():
    if footprint.wasm() is None:
        pytest.skip("NOT RUN: no node, or the 32-bit MicroPython cannot be fetched with it")
    yield
    footprint.forget()


@functools.lru_cache(maxsize=None)
def factor():
    made = footprint.Factor()
    print(made)
    return made


def test_no_module_takes_more_heap_than_its_limit():
    rows = footprint.heap32(footprint.order(footprint.RESIDENT_ROOTS))["rows"]
    assert memory_budget.over(rows) == []


def test_a_budget_notices_growth():
    ((name, limit),) = footprint.heap32(footprint.order(["evse_base.log"]))["rows"][-1:]
    assert memory_budget.over([[name, limit]]) == []
    assert name in memory_budget.over([[name, 2 * limit]])[0]
    assert memory_budget.over([["no.such", 1]])


def _session(features, tls):
    limit = round(1024 * LIMIT_KIB[features] * factor().all)

    async def play():
        wanted = {"features": features, "tls": tls, "heap": str(limit)}
        async with memory_run.bench(**wanted) as b:
            await memory_run.session(b)
            for line in b.logged("twin: heap limit"):
                print(line)

    asyncio.run(asyncio.wait_for(play(), 120))


def test_a_session_with_all_features_passes_at_its_limit():
    _session("all", False)


def test_a_session_with_the_named_set_over_tls_passes_at_its_limit():
    _session("named", True)
