// The second look at the control pilot: a program for the ULP-FSM coprocessor of an ESP32.
// MIT license; part of microevse
//
// tools/ulp_asm.py assembles it for a board and puts two lines before it:
//     .set MUX, n      the pilot's channel of ADC1, plus 1
//     .set PIN, n      the contactor's RTC GPIO, plus 14: its bit in the RTC GPIO registers
// docs/ulp.md says what it is for, and hal/ulp_guard.py is the other side of the mailbox.
//
// The timer wakes it every 0.3 ms, and each wake-up ends in `halt`. So the program counter is
// loaded anew each time, and taking the timer's enable bit away stops it.
//
// Words: a *turn*: the main program has given the converter back after a window of its own.
// A *window*: two bursts of 160 samples, each longer than a period of the pilot. r3 is 0, the base
// of every address, except in the bursts. `st` stores 16 bits; what the chip puts into the upper
// half is the program's address.

.set PERMIT, 0x0c05
.set VERSION, 0xe502
.set SAMPLES, 160

// -- written by the main program
.set CMD, 0        // PERMIT, or anything else: open, and forget what was tripped
.set HB, 4         // changes while the main program is healthy
.set REQ, 8        // 1: the main program wants the converter, or has it
.set TURN, 12      // changes with each turn
.set CLO, 16       // state C (D): the upper plateau is at least this count
.set CHI, 20       // ... and at most this one
.set LOWMAX, 24    // the lower plateau is at most this count
.set BADLIM, 28    // so many bad windows in a row open
.set GOODLIM, 32   // so many good ones before it closes
.set LEASE, 36     // without a turn for so long it looks by itself; times: 64 slow cycles
.set HOLD, 40      // the main program may keep the converter for so long
.set HBLIM, 44     // a heartbeat is needed so often
.set EASE, 48      // 1: the PWM is off, because the car is told to stop
.set EASELIM, 52   // ... which may last so long
// -- written by this program
.set VER, 56
.set TICK, 60      // windows; written last
.set STATE, 64     // 0 open, 1 closed, opened by: 2 pilot, 3 heartbeat, 4 converter kept
.set MAX, 68
.set MIN, 72
.set BAD, 76
.set GOOD, 80
.set BUSY, 84      // it converts, or is about to
.set NOW, 88
.set TRIPMAX, 92
.set TRIPMIN, 96
.set HBLAST, 100
.set HBTIME, 104
.set TURNLAST, 108
.set TURNTIME, 112
.set HELD, 116
.set HELDTIME, 120
.set EASED, 124
.set EASETIME, 128
.set WAKES, 132

// -- registers
.set OUT_W1TS, 0x3ff48404
.set OUT_W1TC, 0x3ff48408
.set TIME_UPDATE, 0x3ff4800c
.set TIME0, 0x3ff48010
.set READ_CTRL, 0x3ff48800
.set MEAS_WAIT2, 0x3ff4880c
.set MEAS_START1, 0x3ff48854

.text
mailbox:
.long 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
.long 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
.long 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

entry:
  move r3, 0
  ld r0, r3, WAKES
  add r0, r0, 1
  st r0, r3, WAKES
  // The time: bits 21 to 6 of the slow clock's counter. It is valid two slow cycles after it was
  // asked for; without an answer the wait ends all the same.
  stage_rst
  reg_wr TIME_UPDATE, 31, 31, 1
valid:
  reg_rd TIME_UPDATE, 30, 30
  jumpr timed, 1, ge
  stage_inc 1
  jumps valid, 64, lt
timed:
  reg_rd TIME0, 21, 6
  move r2, r0
  st r2, r3, NOW

  // The heartbeat.
  ld r0, r3, HB
  ld r1, r3, HBLAST
  sub r1, r0, r1
  jump same, eq
  st r0, r3, HBLAST
  st r2, r3, HBTIME
same:
  ld r0, r3, CMD
  sub r0, r0, PERMIT
  jump permitted, eq
  reg_wr OUT_W1TC, PIN, PIN, 1
  move r0, 0
  st r0, r3, STATE
  st r0, r3, BAD
  jump converter
permitted:
  ld r0, r3, STATE
  jumpr latched, 2, ge
  ld r0, r3, HBTIME
  sub r0, r2, r0
  ld r1, r3, HBLIM
  sub r0, r1, r0
  jump stale, ov
  jump converter
stale:
  move r1, 3
trip:
  // r1: the new state
  reg_wr OUT_W1TC, PIN, PIN, 1
  st r1, r3, STATE
  ld r0, r3, MAX
  st r0, r3, TRIPMAX
  ld r0, r3, MIN
  st r0, r3, TRIPMIN
  jump converter
latched:
  reg_wr OUT_W1TC, PIN, PIN, 1

  // Whose is the converter? First it says that it takes it, then it looks whether it may: the main
  // program does the same the other way round, so never both have it.
converter:
  move r0, 1
  st r0, r3, BUSY
  ld r0, r3, REQ
  jumpr wanted, 1, ge
  st r0, r3, HELD
  ld r0, r3, TURN
  ld r1, r3, TURNLAST
  sub r1, r0, r1
  jump missing, eq
  st r0, r3, TURNLAST
  st r2, r3, TURNTIME
  jump window
missing:
  ld r0, r3, TURNTIME
  sub r0, r2, r0
  ld r1, r3, LEASE
  sub r0, r1, r0
  jump window, ov
  move r0, 0
  st r0, r3, BUSY
  halt
wanted:
  move r0, 0
  st r0, r3, BUSY
  ld r0, r3, HELD
  jumpr held, 1, ge
  move r0, 1
  st r0, r3, HELD
  st r2, r3, HELDTIME
  halt
held:
  ld r0, r3, HELDTIME
  sub r0, r2, r0
  ld r1, r3, HOLD
  sub r0, r1, r0
  jump kept, ov
  halt
kept:
  ld r0, r3, STATE
  jumpr rest, 2, ge
  jumpr rest, 1, lt
  move r1, 4
  jump trip
rest:
  halt

  // A read by the main program leaves the converter with the main CPU: take it back. And undo what
  // the bootloader's random numbers leave behind.
window:
  reg_wr MEAS_START1, 18, 18, 0
  reg_wr MEAS_START1, 31, 31, 0
  reg_wr READ_CTRL, 28, 27, 2
  reg_wr MEAS_WAIT2, 19, 18, 3

  // The upper plateau: the largest of all smaller ones of two neighbours. One spike is none.
  move r2, 0
  stage_rst
  adc r1, 0, MUX
upper:
  adc r0, 0, MUX
  sub r3, r0, r1
  jump falls, ov
  sub r3, r1, r2
  jump upper_same, ov
  move r2, r1
upper_same:
  move r1, r0
  jump upper_next
falls:
  move r1, r0
  sub r3, r1, r2
  jump upper_next, ov
  move r2, r1
upper_next:
  stage_inc 1
  jumps upper, SAMPLES, lt
  move r3, 0
  st r2, r3, MAX

  // The lower plateau: the smallest of all larger ones of two neighbours.
  move r2, 0xffff
  stage_rst
  adc r1, 0, MUX
lower:
  adc r0, 0, MUX
  sub r3, r1, r0
  jump rises, ov
  sub r3, r2, r1
  jump lower_same, ov
  move r2, r1
lower_same:
  move r1, r0
  jump lower_next
rises:
  move r1, r0
  sub r3, r2, r1
  jump lower_next, ov
  move r2, r1
lower_next:
  stage_inc 1
  jumps lower, SAMPLES, lt
  move r3, 0
  st r2, r3, MIN

  // Is it a car that asks?
  ld r0, r3, MAX
  ld r1, r3, CLO
  sub r1, r0, r1
  jump bad, ov
  ld r1, r3, CHI
  sub r1, r1, r0
  jump bad, ov
  ld r0, r3, EASE
  jumpr eased, 1, ge
  st r0, r3, EASED
  ld r1, r3, LOWMAX
  sub r1, r1, r2
  jump bad, ov
  jump good
  // While the car is told to stop there is no square wave. It counts only while closed.
eased:
  ld r0, r3, STATE
  jumpr bad, 1, lt
  ld r0, r3, EASED
  jumpr lasts, 1, ge
  move r0, 1
  st r0, r3, EASED
  ld r0, r3, NOW
  st r0, r3, EASETIME
lasts:
  ld r0, r3, NOW
  ld r1, r3, EASETIME
  sub r0, r0, r1
  ld r1, r3, EASELIM
  sub r0, r1, r0
  jump bad, ov
good:
  move r0, 0
  st r0, r3, BAD
  ld r0, r3, GOOD
  jumpr enough, 200, ge
  add r0, r0, 1
  st r0, r3, GOOD
enough:
  ld r1, r3, GOODLIM
  sub r1, r0, r1
  jump done, ov
  ld r0, r3, STATE
  jumpr done, 1, ge
  ld r0, r3, CMD
  sub r0, r0, PERMIT
  jump close, eq
  jump done
close:
  move r0, 1
  st r0, r3, STATE
  reg_wr OUT_W1TS, PIN, PIN, 1
  jump done
bad:
  move r0, 0
  st r0, r3, GOOD
  ld r0, r3, BAD
  jumpr counted, 200, ge
  add r0, r0, 1
  st r0, r3, BAD
counted:
  ld r1, r3, BADLIM
  sub r1, r0, r1
  jump done, ov
  ld r0, r3, STATE
  jumpr done, 2, ge
  jumpr done, 1, lt
  reg_wr OUT_W1TC, PIN, PIN, 1
  move r0, 2
  st r0, r3, STATE
  ld r0, r3, MAX
  st r0, r3, TRIPMAX
  ld r0, r3, MIN
  st r0, r3, TRIPMIN
done:
  move r0, VERSION
  st r0, r3, VER
  ld r0, r3, TICK
  add r0, r0, 1
  st r0, r3, TICK
  move r0, 0
  st r0, r3, BUSY
  halt
