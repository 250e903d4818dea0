# The ULP-FSM coprocessor of an original ESP32: runs a real binary, instruction by instruction.
# MIT license; part of microevse
"""Four registers of 16 bits, a stage counter of 8 bits, words of 32 bits in RTC slow memory.

Instructions and their cycles: ESP-IDF, docs/en/api-reference/system/ulp_instruction_set.rst; the
layout of the words: components/ulp/ulp_fsm/include/ulp_common_defs.h and esp32/ulp.h (ulp_insn_t).
That page contradicts itself on the cycles of an ALU instruction, and no document says how long
an ADC conversion is with the settings in use: so both are options. What the chip stores: the value
in the lower half, the address of the instruction and the register in the upper one (the same
page). What no document says is taken for the worst: a word that is no instruction, and a
conversion while the main CPU owns the converter, never end.
"""

MODELS = {
    # ALU, jump and stage counter with a fetch of 2 cycles, or of 4 cycles everywhere.
    "short": (4, 4, 4),
    "mixed": (6, 4, 6),
    "long": (6, 6, 6),
}
_MEMORY, _READ, _WRITE, _FETCH, _HALT = 8, 8, 12, 4, 2
WORDS = 2048
MHZ, ADC_CYCLES, PERIOD_US = 8.5, 47, 300

ADD, SUB, AND, OR, MOVE, LSH, RSH = range(7)
NAMES = ("ADD", "SUB", "AND", "OR", "MOVE", "LSH", "RSH")
(
    ALU_REG, ALU_IMM, STAGE, LD, ST, JUMP, JUMP_REG, JUMPR, JUMPS, ADC, REG_RD, REG_WR, WAIT,
    HALT, NONE,
) = range(15)  # fmt: skip


def decode(word):
    """(kind, a, b, c, d) of an instruction word; the meaning of a to d is in `Ulp.run`."""
    op = word >> 28
    if op == 7:
        sub, sel = word >> 25 & 7, word >> 21 & 15
        dst, src = word & 3, word >> 2 & 3
        if sub == 0 and sel <= RSH:
            return ALU_REG, sel, dst, src, word >> 4 & 3
        if sub == 1 and sel <= RSH:
            return ALU_IMM, sel, dst, src, word >> 4 & 0xFFFF
        if sub == 2 and sel <= 2:
            return STAGE, sel, word >> 4 & 0xFF, 0, 0
    elif op == 8:
        sub = word >> 25 & 7
        step = word >> 17 & 0x7F
        step = -step if word >> 24 & 1 else step
        if sub == 0 and word >> 22 & 7 <= 2:
            if word >> 21 & 1:
                return JUMP_REG, word & 3, word >> 22 & 7, 0, 0
            return JUMP, word >> 2 & 0x7FF, word >> 22 & 7, 0, 0
        if sub == 1:
            return JUMPR, step, word >> 16 & 1, word & 0xFFFF, 0
        if sub == 2 and word >> 15 & 3 <= 2:
            return JUMPS, step, word >> 15 & 3, word & 0xFF, 0
    elif op == 13:
        return LD, word & 3, word >> 2 & 3, word >> 10 & 0x7FF, 0
    elif op == 6 and word >> 25 & 7 == 4:
        return ST, word & 3, word >> 2 & 3, word >> 10 & 0x7FF, 0
    elif op == 5:
        return ADC, word & 3, word >> 2 & 15, word >> 6 & 1, 0
    elif op == 2 or op == 1:
        kind = REG_RD if op == 2 else REG_WR
        return kind, word & 0x3FF, word >> 23 & 31, word >> 18 & 31, word >> 10 & 0xFF
    elif op == 4:
        return WAIT, word & 0xFFFF, 0, 0, 0
    elif op == 11:
        return HALT, 0, 0, 0, 0
    return NONE, 0, 0, 0, 0


class Ulp:
    """`mem`: list of 2048 words of 32 bits, the RTC slow memory. `bus`: `adc(unit, channel, us)`
    gives a count, or None if that conversion never ends; `read(reg)` and `write(reg, value)` are
    the 32 bits of a register, `reg` as the instruction has it (unit << 8 | word). All times are
    virtual microseconds."""

    def __init__(self, mem, bus, mhz=MHZ, adc_cycles=ADC_CYCLES, model="mixed"):
        self.mem = mem
        self._bus = bus
        self.mhz = mhz
        self._adc = adc_cycles + _FETCH
        self._alu, self._jump, self._stages = MODELS[model]
        self._known = {}  # word: what `decode` has given for it
        self.r = [0, 0, 0, 0]
        self.stage = self.pc = 0
        self.zero = self.over = False
        self.stuck = False  # it hangs: only a reset of the RTC ends that
        self.now_us = 0  # how far it has got: where its next instruction begins, or its wake-up
        self.asleep = True
        self.timer = False  # wakes it again after each halt
        self.entry = 0
        self.period_us = PERIOD_US
        self.count = 0  # instructions

    def start(self, entry, now_us):
        """From `now_us` on, as ulp_run() does: the timer wakes it the first time. One that hangs
        goes on hanging: ulp_run() of this chip resets nothing."""
        self.entry = entry
        self.timer = True
        self.asleep = True
        self.now_us = now_us + self.period_us

    def state(self):
        """As JSON types: the ULP goes on through resets that do not reset the RTC."""
        return [
            self.r, self.stage, self.pc, self.zero, self.over, self.stuck, self.now_us,
            self.asleep, self.timer, self.entry, self.period_us,
        ]  # fmt: skip

    def restore(self, state):
        (
            self.r, self.stage, self.pc, self.zero, self.over, self.stuck, self.now_us,
            self.asleep, self.timer, self.entry, self.period_us,
        ) = state  # fmt: skip

    def run(self, until_us):
        """Let it go on until `until_us`: it stops before the instruction that would begin then."""
        mem, known, r, bus = self.mem, self._known, self.r, self._bus
        alu, jump, stages, mhz = self._alu, self._jump, self._stages, self.mhz
        while self.now_us < until_us:
            if self.stuck or (self.asleep and not self.timer):
                self.now_us = until_us
                return
            if self.asleep:
                self.asleep, self.pc = False, self.entry
            begun, cycles, limit = self.now_us, 0, (until_us - self.now_us) * mhz
            pc, count = self.pc, 0
            while cycles < limit:
                word = mem[pc]
                ins = known.get(word)
                if ins is None:
                    ins = known[word] = decode(word)
                kind, a, b, c, d = ins
                at, pc = pc, pc + 1 & 0x7FF
                count += 1
                if kind <= ALU_IMM:
                    cycles += alu
                    value = r[d] if kind == ALU_REG else d
                    if a == SUB:
                        # As in `_calculate`: two of three are these.
                        value = r[c] - value
                        self.over = value < 0
                        value &= 0xFFFF
                        self.zero = value == 0
                        r[b] = value
                    elif a == MOVE:
                        r[b] = r[c] if kind == ALU_REG else d
                    else:
                        r[b] = self._calculate(a, r[c], value)
                elif kind == JUMP or kind == JUMP_REG:
                    cycles += jump
                    if not b or (self.zero if b == 1 else self.over):
                        pc = a if kind == JUMP else r[a] & 0x7FF
                elif kind == ADC:
                    value = None
                    if not b:
                        value = 0  # no pad is selected
                    else:
                        us = begun + (cycles + self._adc / 2) / mhz
                        value = bus.adc(c, b - 1, us)
                    if value is None:
                        self.stuck, self.now_us, self.pc = True, until_us, at
                        return
                    cycles += self._adc
                    r[a] = value
                elif kind == STAGE:
                    cycles += stages
                    self.stage = 0 if a == 2 else (self.stage + (-b if a else b)) & 0xFF
                elif kind == JUMPS:
                    cycles += jump
                    stage = self.stage
                    if stage < c if b == 0 else stage >= c if b == 1 else stage <= c:
                        pc = at + a & 0x7FF
                elif kind == JUMPR:
                    cycles += jump
                    if r[0] >= c if b else r[0] < c:
                        pc = at + a & 0x7FF
                elif kind == LD:
                    cycles += _MEMORY
                    r[a] = mem[r[b] + c & 0x7FF] & 0xFFFF
                elif kind == ST:
                    cycles += _MEMORY
                    mem[r[b] + c & 0x7FF] = at << 21 | b << 16 | r[a]
                elif kind == REG_RD:
                    cycles += _READ
                    self._at(begun, cycles)
                    width = (1 << max(0, b - c + 1)) - 1
                    r[0] = bus.read(a) >> c & width & 0xFFFF
                elif kind == REG_WR:
                    cycles += _WRITE
                    self._at(begun, cycles)
                    width = (1 << max(0, b - c + 1)) - 1
                    value = bus.read(a) & ~(width << c)
                    bus.write(a, (value | (d & width) << c) & 0xFFFFFFFF)
                elif kind == WAIT:
                    cycles += 6 + a
                elif kind == HALT:
                    cycles += _HALT
                    self.asleep = True
                    break
                else:
                    self.stuck, self.now_us, self.pc = True, until_us, at
                    return
            self.pc = pc
            self.count += count
            self.now_us = begun + cycles / mhz
            if self.asleep:
                self.now_us += self.period_us

    def _at(self, begun, cycles):
        self._bus.now_us = begun + cycles / self.mhz

    def _calculate(self, sel, a, b):
        """The result of the other ALU instructions; sets the flags. `over`: a carry."""
        if sel == ADD:
            value = a + b
        elif sel == AND:
            value = a & b
        elif sel == OR:
            value = a | b
        elif sel == LSH:
            value = a << (b & 15)
        else:
            value = a >> (b & 15)
        if sel == ADD:
            self.over = value > 0xFFFF
        value &= 0xFFFF
        self.zero = value == 0
        return value
