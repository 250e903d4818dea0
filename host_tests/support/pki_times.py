# One operation of pki, timed piece by piece, on MicroPython; started by bench_pki.py.
# MIT license; part of microevse
"""usage: micropython pki_times.py NAME [heap]    prints one line of JSON: `total` and `longest` in
us, `pieces`, `heap`: bytes at most while it runs, and what `units` gives, at the same time. With
`heap` that alone."""

import gc
import json
import sys
import time

RUNS = 20


def units():
    """ms: the work of a check of P-256 as version 0.1 did it, and one `pow` of RSA."""
    from pki import p256
    from pki_made import rsa_key

    u, v = p256.N // 3, p256.N // 7 * 2
    key = p256.double(p256.G)
    table = (None, p256.G, key, p256.add(p256.G, key))

    async def check(pause):
        # In pieces, as another program of this computer may interrupt a long one each time.
        total = None
        pow(u, p256.N - 2, p256.N)
        await pause()
        for i in range(255, -1, -1):
            total = p256.double(total)
            which = (u >> i & 1) | (v >> i & 1) << 1
            if which:
                total = p256.add(total, table[which])
            if i % 8 == 0:
                await pause()
        pow(total[2], p256.P - 2, p256.P)

    async def power(pause):
        pow(n // 3, 65537, n)

    n = rsa_key().n
    return {"p256": sum(timed(check)) / 1000, "rsa": sum(timed(power)) / 1000}


def timed(make):
    """[us of each piece, the least of all runs]."""
    watch = Watch(0)
    gc.disable()
    for _ in range(RUNS):
        watch.begin()
        kept = drive(make(watch))
        watch.note()
        del kept
    return watch.best


class Watch:
    """A pause that notes when it is called, and how much heap is taken then."""

    def __init__(self, base):
        self.base = base
        self.heap = 0
        self.best = []

    def begin(self):
        self.at = 0
        gc.collect()
        self.began = time.ticks_us()

    def note(self):
        took = time.ticks_diff(time.ticks_us(), self.began)
        if self.at == len(self.best):
            self.best.append(took)
        self.best[self.at] = min(self.best[self.at], took)
        self.at += 1

    async def __call__(self):
        self.note()
        self.began = time.ticks_us()

    async def weigh(self):
        # Garbage is not taken: what is left after a collection has to fit.
        gc.collect()
        self.heap = max(self.heap, gc.mem_alloc() - self.base)


def prepared(name):
    """fn(pause) that gives the coroutine, with all that it is given made before."""
    import pki_made as m
    from pki import run

    if name == "certificate parsed":
        der = m.device()
        clean()

        async def parse(pause):
            from pki import certificate

            await pause()
            return await certificate.read(der, pause)

        return parse
    if name in ("key pair", "request (CSR), signed", "signature"):
        secret = (1 << 255) // 3
        clean()

        async def make(pause):
            from pki import keypair

            if name == "key pair":
                x, y = await keypair.public_key(secret, pause)
                der = keypair.write_key(secret, x, y)
                await pause()
                return der
            if name == "signature":
                return await keypair.sign(secret, b"\x55" * 32, pause)
            from pki import csr

            point = m.key("CP1")
            subject = csr.name("CP-0123456789", "Operator of chargers", "DE")
            return await csr.request(point.secret, point.x, point.y, subject, pause)

        return make
    if name.startswith("signature checked"):
        digest = b"\x55" * 32
        if name.endswith("P-256"):
            owner = m.key("CP1")
            from pki import keypair

            key = "p256", owner.x, owner.y
            value = keypair.signature(*run(keypair.sign(owner.secret, digest)))
            good = True
        else:
            n = m.rsa_key().n
            if name.endswith("4096"):
                n = n * n | 1 << 4095
            key, value, good = ("rsa", n, 65537), b"\x55" * (len(hex(n)) // 2 - 1), False
        clean()

        async def check(pause):
            from pki import signature

            assert await signature.good(key, digest, value, pause) is good

        return check
    if name.startswith("chain of 3"):
        certificates = [m.device("CP1", "sub"), m.authority("sub", "root")]
        roots = [m.root()]
    else:
        own = m.rsa_key()
        roots = [m.made("r", "r", own, own, m.constraints(), m.usage(5))]
        certificates = [m.made("CP1", "r", own, own, m.usage(0))]
    now = m.NOW
    clean()

    async def believe(pause):
        from pki import chain

        return await chain.check(certificates, roots, now, "client", pause, "CP1")

    return believe


def clean():
    """Forget the modules, so that loading them is in the heap that is measured."""
    from evse_base import forget

    forget("pki_made")
    forget("pki")


def main(name, only=None):
    unit = None if only else units()
    make = prepared(name)
    gc.collect()
    watch = Watch(gc.mem_alloc())
    drive(make(watch.weigh))
    if only:
        return {"heap": watch.heap}
    gc.collect()
    best = timed(make)
    again = units()
    unit = {key: min(unit[key], again[key]) for key in unit}
    return dict(unit, total=sum(best), longest=max(best), pieces=len(best), heap=watch.heap)


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


print(json.dumps(main(*sys.argv[1:])))
