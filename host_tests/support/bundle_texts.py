# The lines that a bundle is signed over, and a header made of them, for tests.
# MIT license; part of microevse

from slots import bundle


def lines(**more):
    values = dict(
        version="1.2", board="b", format="lfs2", block=4096, length=8192, sha256=bytes(32)
    )
    values.update(more)
    return bundle.text(**values)


def parsed(signed, signature=None):
    return bundle.parse(bundle.header(signed, signature))
