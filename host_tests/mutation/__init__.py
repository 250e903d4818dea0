# Mutation testing of the safety-relevant files; see bench_mutants.py.
# MIT license; part of microevse
"""operators: small changes of a source. table: which files, which tests. listed: mutants
written by hand, and those that change nothing. place: a mutant in place of its file. plain: unit
tests without pytest. pool: processes with a time limit. trial: tests against one mutant, told by
an exit.
"""
