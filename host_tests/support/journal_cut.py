# The journal with the power cut at every flash operation.
# MIT license; part of microevse
"""usage: micropython journal_cut.py [STRIDE [WAYS]]

Every program and every erase is cut in the ways of flash_cut.py. After each the journal is started
on what is on flash and compared with what it had promised. The start after a cut is itself cut
again. Then a long rough life: one flash through many cuts at random moments. Runs on both
interpreters.
"""

import sys

from evse_base import log as console
from flash_cut import WAYS, CutFlash, PowerCut, Random, watch
from store.journal import Journal, JournalFull
from store.kinds import SAMPLE, START, STOP, TXID
from store.norlog import NorLog

VALUE = 99  # a kind of state of which no shape is expected

BLOCKS = 14
BLOCK_SIZE = 512
SEED = 20261101


def pending(j):
    found = []
    after = 0
    while True:
        entry = j.pending(after)
        if entry is None:
            return found
        found.append(entry)
        after = entry[0]


class Model:
    """The promises of the journal, and the one operation it is in."""

    def __init__(self):
        self.events = {}  # undelivered: seq: (kind, payload)
        self.last_seq = 0
        self.open = {}  # session: [START payload, last SAMPLE payload or None]
        self.state = {}
        self.doing = None
        self.session = 0

    def copy(self):
        other = Model()
        other.events = dict(self.events)
        other.last_seq = self.last_seq
        other.open = {s: list(v) for s, v in self.open.items()}
        other.state = dict(self.state)
        other.doing = self.doing
        other.session = self.session
        return other

    def appended(self, seq, kind, payload):
        if seq <= self.last_seq:
            raise AssertionError("sequence number %d again" % seq)
        self.last_seq = seq
        self.events[seq] = (kind, payload)
        if kind == START:
            self.open[payload[0]] = [payload, None]
        elif kind == SAMPLE and payload[0] in self.open:
            self.open[payload[0]][1] = payload
        elif kind == STOP:
            self.open.pop(payload[0], None)

    def check(self, j):
        """Compare with `j` after a cut in `self.doing`; take over the effect of that operation."""
        what = self.doing[0] if self.doing else None
        found = pending(j)
        seqs = [f[0] for f in found]
        assert seqs == sorted(set(seqs)), "order or duplicates: %r" % seqs
        assert j.queued == len(found), (j.queued, len(found))
        for seq, kind, payload in found:
            if seq in self.events:
                assert self.events[seq] == (kind, payload), "changed: %d" % seq
            else:
                # Only the record that was being appended can be there without a promise.
                assert what == "append" and self.doing[1:] == (kind, payload), (what, payload)
                assert seq > self.last_seq
                self.appended(seq, kind, payload)
        for seq in sorted(self.events):
            if seq not in seqs:
                gone = self.events.pop(seq)
                if what == "done":
                    assert self.doing[1] == seq, "lost: %r" % (gone,)
                else:
                    assert what == "prepare" and gone[0] == SAMPLE, (what, gone)
        assert sorted(j.open_sessions()) == sorted(self.open), (j.open_sessions(), self.open)
        replayed = []
        j.replay(lambda seq, kind, payload, done: replayed.append((kind, payload)))
        for session in self.open:
            first, last = self.open[session]
            assert (START, first) in replayed
            samples = [p for k, p in replayed if k == SAMPLE and p[0] == session]
            assert last is None or samples[-1] == last, (session, samples, last)
        state = {}
        for kind in (VALUE, TXID):
            for key, payload in j.state(kind):
                assert (kind, key) not in state, "two values of %s" % key
                state[kind, key] = payload
        for item in set(list(state) + list(self.state)):
            if state.get(item) == self.state.get(item):
                continue
            if what == "keep":
                assert item == self.doing[1] and state.get(item) == self.doing[2], item
            elif what == "forget":
                assert item == self.doing[1] and item not in state, item
            else:
                # Transaction ids go when no session needs them any more.
                assert what == "prepare" and item[0] == TXID and item not in state, item
                assert not self.events and not self.open
        self.state = state
        assert j.log.lost == 0 and j.log.skipped == 0, (j.log.lost, j.log.skipped)
        self.doing = None


def step(j, model, rng, flash):
    """One thing a charger does with its journal."""
    choice = rng.below(20)
    kind = payload = None
    if choice < 11:
        if len(model.open) < 2 and rng.below(3) == 0:
            model.session += 1
            kind = START
            payload = [model.session, 1, "TAG%d" % model.session, 1000, None, [1, 2, 0]]
        elif model.open and rng.below(10) == 0:
            session = sorted(model.open)[rng.below(len(model.open))]
            kind = STOP
            payload = [session, 1, 2000, "local", None, [1, 3, 0], None]
        else:
            sessions = sorted(model.open) + [0]
            session = sessions[rng.below(len(sessions))]
            kind = SAMPLE
            payload = [session, 1, 0, [1, rng.below(9999), 0], [[0, 0, rng.below(1 << 20)]]]
        model.doing = ("append", kind, payload)
        erases = flash.erases
        try:
            model.appended(j.append(kind, payload), kind, payload)
        except JournalFull:
            assert kind != STOP
        assert flash.erases == erases
    elif choice < 15:
        entry = j.pending()
        if entry and rng.below(12):
            model.doing = ("done", entry[0])
            j.done(entry[0])
            del model.events[entry[0]]
    elif choice < 17:
        kind = VALUE if rng.below(2) else TXID
        key = rng.below(5)
        payload = [key, "value %d" % rng.below(1000)]
        model.doing = ("keep", (kind, key), payload)
        try:
            j.keep(kind, key, payload)
            model.state[kind, key] = payload
        except JournalFull:
            pass
    elif choice == 17:
        key = rng.below(5)
        model.doing = ("forget", (VALUE, key))
        j.forget(VALUE, key)
        model.state.pop((VALUE, key), None)
    else:
        model.doing = ("prepare",)
        dropped = j.samples_dropped
        before = len(model.events)
        j.prepare(1 + rng.below(3) if rng.below(2) else None)
        left = [f[0] for f in pending(j)]
        for seq in sorted(model.events):
            if seq not in left:
                assert model.events[seq][0] == SAMPLE
                del model.events[seq]
        assert before - len(left) == j.samples_dropped - dropped
        if not model.events and not model.open:
            model.state = {k: v for k, v in model.state.items() if k[0] != TXID}
    model.doing = None


def boot(image):
    flash = CutFlash(image, BLOCKS, BLOCK_SIZE)
    return flash, Journal(NorLog(flash), None, 2)


def boot_cut_again(image, rng):
    """Start and prepare, losing power on the way; returns the image after it."""
    flash = CutFlash(image, BLOCKS, BLOCK_SIZE)
    flash.left = rng.below(12)
    flash.way = rng.below(WAYS)
    flash.rng = rng
    try:
        Journal(NorLog(flash), None, 2).prepare()
    except PowerCut:
        pass
    return flash.image


def sweep(seed, steps, stride=1, ways=WAYS):
    """Cut every `stride`-th flash operation of a run in `ways` ways, the next one in the next
    ways. Returns [operations, cuts, erases]."""
    rng = Random(seed)
    torn = Random(seed + 1)
    flash, j = boot(None)
    model = Model()

    def look(left, way):
        promised = model.copy()
        _, after = boot(bytearray(left))
        promised.check(after)
        if not model.doing or model.doing[0] == "prepare":
            # The next start has to keep the promises made before this one.
            promised = model.copy()
        # Cut again while starting and reclaiming, twice, then start for good.
        image = bytearray(left)
        for _ in range(2):
            image = boot_cut_again(image, torn)
        flash2, after = boot(image)
        promised.doing = ("prepare",)
        promised.check(after)
        promised.doing = ("prepare",)
        after.prepare()
        promised.check(after)
        for _ in range(3):
            step(after, promised, torn, flash2)
        _, after = boot(flash2.image)
        promised.check(after)

    counts = watch(flash, torn, stride, ways, look)
    for _ in range(steps):
        step(j, model, rng, flash)
    return counts


def life(seed, cuts):
    """One flash through many power cuts at random moments. Returns what happened."""
    rng = Random(seed)
    model = Model()
    image = None
    steps = erases = full = 0
    for _ in range(cuts):
        flash = CutFlash(image, BLOCKS, BLOCK_SIZE)
        image = flash.image
        flash.left = rng.below(120)
        flash.way = rng.below(WAYS)
        flash.rng = rng
        try:
            j = Journal(NorLog(flash), None, 2)
            model.check(j)
            model.doing = ("prepare",)
            j.prepare()
            model.check(j)
            while True:
                steps += 1
                step(j, model, rng, flash)
                full += j.samples_dropped > 0
        except PowerCut:
            pass
        erases += flash.erases
    return steps, erases, full


def run(stride, cuts, ways=WAYS):
    console.use_sink(lambda line: None)
    operations, done, _ = sweep(SEED, 330, stride, ways)
    print("seed %d: %d of %d operations cut, %d cuts" % (SEED, done // ways, operations, done))
    assert operations > 300 and done > operations // stride
    for seed in range(SEED, SEED + 4):
        steps, erases, full = life(seed, cuts)
        print("seed %d: %d cuts, %d steps, %d erases" % (seed, cuts, steps, erases))
        assert erases > cuts // 2


if __name__ == "__main__":
    _stride, _ways = [int(a) for a in sys.argv[1:3]] + [5, WAYS][len(sys.argv) - 1 :]
    run(_stride, 30, _ways)
