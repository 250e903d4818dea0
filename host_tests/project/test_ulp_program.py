# The ULP's program: its size, the simulator that runs it, its times, random pilots, flipped bits.
# MIT license; part of microevse
"""The binary is the real one, from the real assembler. The simulator is ours: that its decoding is
the assembler's is tested here; that the chip does what the documents say cannot be."""

import json
import random

import board
import build
import pytest
import ulp_asm as tool
import ulp_pilots as pilots
from hal_modules import hal_module
from tools_paths import ROOT
from tools_paths import tool as program_of
from twin.rtc import MEAS_START1, OUT, SLOW_MEM, START_FORCE, Rtc
from twin.ulp import MODELS, NAMES, decode
from variants import ULP

pytestmark = pytest.mark.skipif(not program_of("micropython"), reason="NOT RUN: no MicroPython")

SEED = 20250
PILOTS = 30
FLIPS = 60
KINDS = "ALU_REG ALU_IMM STAGE LD ST JUMP JUMP_REG JUMPR JUMPS ADC REG_RD REG_WR WAIT HALT NONE"
WRITTEN = "CMD HB REQ TURN CLO CHI LOWMAX BADLIM GOODLIM LEASE HOLD HBLIM EASE EASELIM".split()
TOLD = "VER TICK STATE MAX MIN BAD GOOD BUSY NOW".split()
# The fields of a word, by the assembler's own structures.
FIELDS = """
import sys
from esp32_ulp import opcodes as o
KINDS = {1: o._wr_reg, 2: o._rd_reg, 4: o._delay, 5: o._adc, 6: o._st, 11: o._halt, 13: o._ld}
ALU = {0: o._alu_reg, 1: o._alu_imm, 2: o._alu_cnt}
BRANCH = {0: o._bx, 1: o._br, 2: o._bs}
for text in open(sys.argv[1]):
    word = int(text)
    one = o._end
    one.all = word
    kind = {7: ALU, 8: BRANCH}.get(one.opcode)
    one = kind.get(one.sub_opcode) if kind else KINDS.get(one.opcode)
    if one is None:
        print("-")
        continue
    one.all = word
    names = ("dreg", "sreg", "treg", "sel", "imm", "offset", "sign", "cmp", "type", "reg", "addr",
             "periph_sel", "low", "high", "data", "mux", "sar_sel", "cycles", "opcode",
             "sub_opcode")
    found = []
    for name in names:
        try:
            found.append("%s=%d" % (name, getattr(one, name)))
        except (KeyError, AttributeError):
            pass
    print(" ".join(found))
"""


def words(text):
    """The words of a program, assembled."""
    made = tool.assemble(text)[tool.HEADER :]
    return [int.from_bytes(made[i : i + 4], "little") for i in range(0, len(made), 4)]


def fields(numbers, folder):
    """{name: value} of each word, by the assembler."""
    (folder / "fields.py").write_text(FIELDS)
    (folder / "words").write_text("\n".join(map(str, numbers)))
    told = tool.micropython(
        tool.assembler(), str(folder / "fields.py"), str(folder / "words")
    ).splitlines()
    return [
        None if line == "-" else {k: int(v) for k, v in (f.split("=") for f in line.split())}
        for line in told
    ]


def ours(word):
    """The same from the simulator's decoding."""
    kind, a, b, c, d = decode(word)
    name = KINDS.split()[kind]
    if name in ("ALU_REG", "ALU_IMM"):
        last = "treg" if name == "ALU_REG" else "imm"
        return {"opcode": 7, "sel": a, "dreg": b, "sreg": c, last: d}
    if name == "STAGE":
        return {"opcode": 7, "sub_opcode": 2, "sel": a, "imm": b}
    if name == "LD":
        return {"opcode": 13, "dreg": a, "sreg": b, "offset": c}
    if name == "ST":
        return {"opcode": 6, "sreg": a, "dreg": b, "offset": c}
    if name == "JUMP":
        return {"opcode": 8, "sub_opcode": 0, "addr": a, "type": b, "reg": 0}
    if name == "JUMP_REG":
        return {"opcode": 8, "sub_opcode": 0, "dreg": a, "type": b, "reg": 1}
    if name in ("JUMPR", "JUMPS"):
        return {"opcode": 8, "offset": abs(a), "cmp": b, "imm": c}
    if name == "ADC":
        return {"opcode": 5, "dreg": a, "mux": b, "sar_sel": c}
    if name in ("REG_RD", "REG_WR"):
        known = {"addr": a & 0xFF, "periph_sel": a >> 8, "high": b, "low": c}
        return dict(known, opcode=2) if name == "REG_RD" else dict(known, opcode=1, data=d)
    return {"WAIT": {"opcode": 4, "cycles": a}, "HALT": {"opcode": 11}}.get(name)


def small(text, **options):
    """A simulator with a small program, run for 2 ms."""
    rtc = Rtc(lambda gpio, us: 1234, lambda gpio, level: None, options)
    rtc.load(0, tool.assemble(".text\n" + text))
    rtc.start(0)
    rtc.ulp.run(2000)
    return rtc


# -- the binary ------------------------------------------------------------------------------


def test_the_program_fits_the_memory_that_stock_micropython_reserves():
    size = len(pilots.binary()) - tool.HEADER
    print("%d bytes of %d" % (size, tool.LIMIT))
    assert size <= 1024 < tool.LIMIT
    # What it stores has its address in the upper half: below 2**30, so that reading it makes no
    # object on the heap.
    assert size // 4 < 512


def test_every_pin_that_is_allowed_assembles_and_no_other():
    seen = {tool.assemble(tool.source(pin, 36)) for pin in tool.PADS}
    assert len(seen) == len(tool.PADS)
    for pin, adc in ((25, 36), (26, 36), (2, 36), (34, 36), (27, 25)):
        with pytest.raises(ValueError):
            tool.source(pin, adc)


def test_the_mailbox_is_the_same_on_both_sides():
    """Names and places in guard.S, in hal/ and in the simulator's main program."""
    text = (ROOT / "firmware" / "hal" / "ulp_guard.S").read_text()
    places = {}
    for line in text.splitlines():
        if line.startswith(".set "):
            name, value = line[5:].split("//")[0].split(",")
            places[name.strip()] = int(value.strip(), 0)
    for (
        name
    ) in "CMD HB REQ TURN CLO CHI LOWMAX BADLIM GOODLIM LEASE HOLD HBLIM EASE EASELIM".split():
        assert places[name] == 4 * getattr(pilots, name), name
    for name in "VER TICK STATE MAX MIN BAD GOOD BUSY NOW".split():
        assert places[name] == 4 * getattr(pilots, name), name
    guard = (ROOT / "firmware" / "hal" / "ulp_guard.py").read_text()
    for name in "CMD HB REQ TURN LEASE EASE TICK STATE BUSY".split():
        assert "%08X" % (0x50000000 + places[name]) in guard, name
    assert "0x%04X" % places["PERMIT"] in guard and "0x%04X" % places["VERSION"] in guard
    watch = (ROOT / "firmware" / "hal" / "ulp_watch.py").read_text()
    assert "_ENTRY = const(%d)" % pilots.ENTRY in watch
    assert words(tool.source(27, 36))[: pilots.ENTRY] == [0] * pilots.ENTRY


def test_the_program_goes_into_the_image_of_a_board_that_asks_for_it(tmp_path):
    profile = json.loads(json.dumps(board.load_toml(ULP, any_name=True)))
    path, size = build._ulp_program(profile, tmp_path, "xtensawin")
    assert (tmp_path / path).stat().st_size == size < 1200
    assert [p.name for p in tmp_path.iterdir()] == ["ulp_program.mpy"]
    made = {}
    exec(tool.module(profile), made)
    assert made["BINARY"] == tool.program(profile)
    assert (made["BIT"], made["PAD"], made["CHANNEL"]) == (24, 0x3FF48494, 0)


# -- the simulator ---------------------------------------------------------------------------


def test_words_are_decoded_as_the_assembler_lays_them_out(tmp_path):
    draw = random.Random(SEED)
    numbers = words(tool.source(27, 36))[pilots.ENTRY :]
    numbers += [w ^ 1 << draw.randrange(28) for w in numbers for _ in range(3)]
    compared = 0
    for word, told in zip(numbers, fields(numbers, tmp_path)):
        mine = ours(word)
        if mine is None:
            continue
        assert told is not None, hex(word)
        for name in mine:
            assert told[name] == mine[name], (hex(word), name, told, mine)
        if mine["opcode"] == 8 and "offset" in mine:
            assert told["sign"] == (decode(word)[1] < 0) or not mine["offset"], hex(word)
        compared += 1
    assert compared > 600, compared


def test_the_alu_has_carry_and_borrow_and_zero():
    rtc = small("""
  move r3, 0x100
  move r0, 5
  sub r1, r0, 6
  st r1, r3, 0
  jump borrow, ov
  jump end
borrow:
  move r2, 1
  st r2, r3, 4
  sub r1, r0, 5
  jump same, eq
  jump end
same:
  st r2, r3, 8
  move r0, 0xffff
  add r1, r0, 1
  jump carry, ov
  jump end
carry:
  st r2, r3, 12
  lsh r1, r2, 3
  or r1, r1, 2
  and r1, r1, 0xe
  st r1, r3, 16
end:
  halt
""")
    low = [w & 0xFFFF for w in rtc.mem[0x100:0x105]]
    assert low == [0xFFFF, 1, 1, 1, 10]
    # The upper half: the address of the instruction, and the register.
    assert rtc.mem[0x100] >> 21 == 3 and rtc.mem[0x100] >> 16 & 31 == 3
    assert set(NAMES) == {"ADD", "SUB", "AND", "OR", "MOVE", "LSH", "RSH"}


def test_stages_registers_and_the_converter():
    rtc = small("""
  move r3, 0x100
  stage_rst
again:
  stage_inc 1
  jumps again, 7, lt
  adc r0, 0, 1
  st r0, r3, 0
  jumpr end, 1234, lt
  jumpr end, 1235, ge
  reg_wr 0x3ff48404, 31, 31, 1
  reg_rd 0x3ff48400, 31, 30
  st r0, r3, 4
  adc r0, 0, 0
  st r0, r3, 8
end:
  halt
""")
    assert [w & 0xFFFF for w in rtc.mem[0x100:0x103]] == [4095, 0, 0], "no supply, no owner's bits"
    rtc.regs[0x3FF4880C] = 3 << 18
    rtc.regs[0x3FF48800] |= 1 << 28
    rtc.ulp.run(4000)
    assert [w & 0xFFFF for w in rtc.mem[0x100:0x103]] == [1234, 2, 0]
    assert rtc.get(OUT) == 1 << 31 and rtc.ulp.stage == 7
    rtc.main_reads(34, 3)
    rtc.ulp.run(6000)
    assert rtc.ulp.stuck, "a conversion hangs while the main CPU has the converter"


def test_the_timer_wakes_it_and_stops_with_its_bit():
    rtc = small("""
  move r3, 0x100
  ld r0, r3, 0
  add r0, r0, 1
  st r0, r3, 0
  halt
""")
    assert rtc.mem[0x100] & 0xFFFF == 6, "each 300 us and some cycles"
    rtc.set(0x3FF48018, 0)
    rtc.ulp.run(5000)
    assert rtc.mem[0x100] & 0xFFFF == 6
    # A word that is no instruction: it stands.
    rtc = small("  halt\n")
    rtc.mem[0] = 0xC0000000
    rtc.ulp.run(9000)
    assert rtc.ulp.stuck


@pytest.mark.parametrize("model", sorted(MODELS))
def test_each_burst_is_longer_than_a_period_and_a_window_shorter_than_a_turn(model):
    """In all corners of clock and conversion: the figures of docs/ulp.md."""
    for mhz in pilots.CLOCKS:
        for cycles in pilots.ADC_CYCLES:
            scene = pilots.Scene(3, ulp_mhz=mhz, ulp_adc=cycles, ulp_model=model, slow_hz=150000)
            scene.ask(50)
            times = []
            sample = scene._analog

            def analog(gpio, us, sample=sample, times=times):
                times.append(us)
                return sample(gpio, us)

            scene.rtc._analog = analog
            scene.put(pilots.LEASE, 0)
            scene.pass_us(16000)
            bursts = [times[i : i + 161] for i in range(0, len(times) - 160, 161)]
            assert len(bursts) >= 4
            step = max(b[i + 1] - b[i] for b in bursts for i in range(len(b) - 1))
            shortest = min(b[-1] - b[0] for b in bursts)
            window = times[322] - times[0]
            print(
                "%s %.1f MHz, %d: a sample each %.1f us, burst %.2f ms, window %.2f ms"
                % (model, mhz, cycles, step, shortest / 1000, window / 1000)
            )
            assert step < 50 / 2, "two samples on the shortest plateau, 50 us"
            assert shortest > 1100 and window < 7800


# -- pilots ----------------------------------------------------------------------------------


def test_random_pilots_that_go_on_asking_are_never_opened():
    seeds = range(SEED, SEED + PILOTS)
    print("seeds %d to %d" % (seeds[0], seeds[-1]))
    assert [seed for seed in seeds if not pilots.asking(seed, 120, 150)] == []


def test_random_pilots_that_are_lost_or_let_go_are_opened_in_100_ms():
    worst = (0, None)
    print("seeds %d to %d" % (SEED, SEED + PILOTS - 1))
    for seed in range(SEED, SEED + PILOTS):
        ms, how = pilots.lost(seed)
        assert ms is not None and ms <= pilots.LIMIT_MS, (seed, ms, how)
        worst = max(worst, (ms, how))
    print("worst %.1f ms: %s" % worst)


def test_it_opens_when_the_heartbeat_stops_and_stays_so():
    scene = pilots.Scene(5, slow_hz=150000)
    scene.ask(25)
    scene.close()
    scene.pass_us(1900000)
    assert scene.closed
    scene.pass_us(250000)
    assert not scene.closed and scene.get(pilots.STATE) == 3
    scene.looks(100)
    assert not scene.closed, "tripped until CMD has been taken away"
    scene.rtc.set(OUT, 1 << 31)
    scene.looks(20)
    assert not scene.closed, "a bit that comes back is taken away again"
    scene.put(pilots.CMD, 0)
    scene.looks(60)
    scene.put(pilots.CMD, pilots.PERMIT)
    scene.looks(60)
    assert scene.closed


def test_the_main_program_opens_in_every_state_at_once():
    for before in (0, 1, 2):
        scene = pilots.Scene(7)
        scene.ask(25)
        scene.close()
        if before == 1:
            scene.rtc.ulp.stuck = True
        if before == 2:
            scene.take()
        scene.rtc.set(0x3FF48414, 1 << 31)
        assert scene.opened_us is not None
        scene.pass_us(100000)
        assert scene.rtc._levels[pilots.PIN] != 1


def test_the_square_wave_may_end_for_as_long_as_was_asked_and_no_longer():
    scene = pilots.Scene(8, slow_hz=150000)
    scene.ask(25)
    scene.close()
    scene.put(pilots.EASE, 1)
    scene.end("PWM gone")
    scene.looks(5900)
    assert scene.closed
    scene.looks(700)
    assert not scene.closed and scene.get(pilots.STATE) == 2
    # And nothing closes without it.
    scene.put(pilots.CMD, 0)
    scene.looks(60)
    scene.put(pilots.EASE, 0)
    scene.looks(60)
    scene.put(pilots.EASE, 1)
    scene.put(pilots.CMD, pilots.PERMIT)
    scene.looks(200)
    assert not scene.closed


def test_a_converter_that_is_taken_without_asking_stops_the_program():
    """What the main program sees then: TICK stands still. Nothing else opens."""
    scene = pilots.Scene(9)
    scene.ask(25)
    scene.close()
    scene.put(pilots.LEASE, 0)
    scene.pass_us(20000)
    while not (scene.get(pilots.BUSY) and scene.rtc.ulp.pc > pilots.ENTRY + 100):
        scene.pass_us(50)
    scene.rtc.regs[MEAS_START1] = START_FORCE
    scene.pass_us(20000)
    assert scene.rtc.ulp.stuck and scene.closed
    tick = scene.get(pilots.TICK)
    scene.pass_us(100000)
    assert scene.get(pilots.TICK) == tick and scene.get(pilots.BUSY)


def test_flipped_bits_never_leave_it_closed_without_a_trace():
    """Each is seen by the comparison of the words; the question is what happens until then."""
    draw = random.Random(SEED)
    seen = {}
    for _ in range(FLIPS):
        word, bit = draw.choice(pilots.code_words()), draw.randrange(32)
        outcome = pilots.flipped(word, bit)
        seen[outcome] = seen.get(outcome, 0) + 1
    print("of %d flipped bits: %s" % (FLIPS, seen))
    assert set(seen) <= {"works", "opens", "stands still", "kept", "blind"}
    assert seen["works"] > FLIPS // 3 and seen.get("blind", 0) < FLIPS // 6


def test_after_a_stop_a_reading_meets_no_window_of_the_ulp():
    """`stop` once returned in the middle of a window, and `take` asks a stopped ULP nothing: a
    reading of the thermometer then hung the ULP until the power was cut."""
    names = hal_module("ulp_guard")
    scene = pilots.Scene(SEED)

    class Memory:
        def __getitem__(self, address):
            scene.pass_us(20)
            slow = address >= SLOW_MEM
            return scene.rtc.mem[address - SLOW_MEM >> 2] if slow else scene.rtc.get(address)

        def __setitem__(self, address, value):
            if address >= SLOW_MEM:
                scene.rtc.mem[address - SLOW_MEM >> 2] = value
            else:
                scene.rtc.set(address, value)

    names["ticks_ms"] = lambda: int(scene.now / 1000)
    guard = object.__new__(names["UlpGuard"])
    guard.mem, guard._users = Memory(), 0
    scene.ask(25)
    stops = 0
    for _ in range(40):
        scene.take()
        scene.give()
        scene.pass_us(scene.random.uniform(300, 3000))
        stops += bool(scene.get(pilots.BUSY))
        guard.running = True
        guard.stop()
        guard.take()
        scene._read()
        guard._users = 0
        scene.put(pilots.REQ, 0)
        scene.rtc.start(pilots.ENTRY)
    assert stops > 20, "it was in a window"
