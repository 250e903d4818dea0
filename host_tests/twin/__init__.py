# The virtual board: the firmware runs on it unmodified.
# MIT license; part of microevse
"""A package: inside it write `from twin import world`, never `import world`.

`host_tests` is on the path of the child process, `host_tests/twin` is not: the
firmware has modules of the same names (`clock`, for one).
`modules/` and `modules_mpy/` hold what the firmware imports by name instead of
the hardware modules; they reach the running board through `import twin_state`.
"""
