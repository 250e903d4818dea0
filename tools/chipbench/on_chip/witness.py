# The second ESP32 of the bench: time-stamps the edges of the first one's pins.
# MIT license; part of microevse
"""Sent over the raw prompt; needs nothing but MicroPython. Nothing is allocated while it watches,
so no garbage collection makes it blind. `worst_us` is the longest time between two looks: no
figure is better than that."""

import time
from array import array

import machine
from machine import Pin


def watch(relay, pilot, on, first_ms, after_ms):
    """Wait for the first edge of pin `relay` (at most `first_ms`), then note all edges for
    `after_ms`. `on`: its active level; the witness pulls it to the other one. Edges are
    [us since the first one, 1 if active]. `waves`: rising edges of pin `pilot` from the relay's
    second edge on (the mark), `wave_us`: when the last of them was."""
    machine.freq(240000000)
    pull = Pin.PULL_DOWN if on else Pin.PULL_UP
    a = Pin(relay, Pin.IN, pull).value
    b = Pin(pilot, Pin.IN, Pin.PULL_DOWN).value
    ticks_us, ticks_diff = time.ticks_us, time.ticks_diff
    at = array("i", bytearray(4 * 40))
    levels = bytearray(40)
    n = waves = wave_us = worst = 0
    last, before, wave = a(), ticks_us(), 1
    limit = first_ms * 1000
    start = before
    first = last
    while n < 40:
        now = ticks_us()
        gap = ticks_diff(now, before)
        before = now
        if gap > worst:
            worst = gap
        level = a()
        if level != last:
            last = level
            if not n:
                start = now
                limit = after_ms * 1000
            at[n] = ticks_diff(now, start)
            levels[n] = level
            n += 1
        if n >= 2:
            level = b()
            if level and not wave:
                waves += 1
                wave_us = ticks_diff(now, start)
            wave = level
        if ticks_diff(now, start) > limit:
            break
    edges = [[at[i], 1 if levels[i] == on else 0] for i in range(n)]
    return {
        "began": 1 if first == on else 0, "edges": edges, "waves": waves, "wave_us": wave_us,
        "worst_us": worst, "ends": 1 if a() == on else 0,
    }  # fmt: skip


def wave(pilot, ms):
    """Frequency and duty of a square wave: {"hz", "percent", "rises", "worst_us"}."""
    machine.freq(240000000)
    b = Pin(pilot, Pin.IN).value
    ticks_us, ticks_diff = time.ticks_us, time.ticks_diff
    rises = high_us = worst = looks = highs = 0
    first = last_rise = 0
    start = before = ticks_us()
    last, up = b(), 0
    while True:
        now = ticks_us()
        gap = ticks_diff(now, before)
        before = now
        if gap > worst:
            worst = gap
        level = b()
        looks += 1
        highs += level
        if level and not last:
            if not rises:
                first = now
            rises += 1
            last_rise = up = now
        elif last and not level and rises:
            high_us += ticks_diff(now, up)
        last = level
        if ticks_diff(now, start) > ms * 1000:
            break
    span = ticks_diff(last_rise, first)
    hz = (rises - 1) * 1000000 / span if rises > 1 else 0
    percent = 100 * high_us / span if rises > 1 else 100 * highs / looks
    return {"hz": hz, "percent": percent, "rises": rises, "worst_us": worst}


def switch(s2, relay, on, count, close_ms, rest_ms):
    """`count` times: close the switch of the simulated car, wait for the relay (at most
    `close_ms`), open it, and measure until the relay lets go. [us or -1 (it did not open within
    2 s) or -2 (it did not close)]"""
    machine.freq(240000000)
    pull = Pin.PULL_DOWN if on else Pin.PULL_UP
    a = Pin(relay, Pin.IN, pull).value
    car = Pin(s2, Pin.OUT, value=0).value
    ticks_us, ticks_diff = time.ticks_us, time.ticks_diff
    took = []
    for _ in range(count):
        car(1)
        start = ticks_us()
        while a() != on and ticks_diff(ticks_us(), start) < close_ms * 1000:
            time.sleep_ms(1)
        if a() != on:
            car(0)
            took.append(-2)
            break
        time.sleep_ms(rest_ms + len(took) * 37 % 29)  # not in step with the tick
        car(0)
        start = ticks_us()
        passed = 0
        while a() == on and passed < 2000000:
            passed = ticks_diff(ticks_us(), start)
        took.append(passed if passed < 2000000 else -1)
        time.sleep_ms(6000)  # nothing closes again sooner than 5 s after (docs/safety.md 6)
    return took
