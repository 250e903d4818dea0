# The chip under test: clocks against each other, and a timer that is initialised again and again.
# MIT license; part of microevse
import time

import machine


def slow_clock(ms):
    """Hertz of the slow RC clock, by the counter of the RTC of an ESP32 (RTC_CNTL_TIME_UPDATE)."""
    mem = machine.mem32

    def count():
        mem[0x3FF4800C] = 0x80000000
        while not mem[0x3FF4800C] & 0x40000000:
            pass
        return mem[0x3FF48010] & 0x3FFFFFFF

    first, start = count(), time.ticks_us()
    time.sleep_ms(ms)
    last, end = count(), time.ticks_us()
    return ((last - first) & 0x3FFFFFFF) * 1000000 / time.ticks_diff(end, start)


def again(count):
    """Initialise Timer(0) `count` times. Returns after which of them the clock stood still, 0 if
    it never did. After that nothing but a reset helps."""
    timer = machine.Timer(0)
    cpu, ticks_us = time.ticks_cpu, time.ticks_us
    for i in range(count):
        timer.init(mode=machine.Timer.PERIODIC, period=60000, callback=None)
        before, start = ticks_us(), cpu()
        while time.ticks_diff(cpu(), start) < 120000:  # 0.5 ms at 240 MHz, by CPU cycles
            pass
        if ticks_us() == before:
            return i + 1
    timer.deinit()
    return 0
