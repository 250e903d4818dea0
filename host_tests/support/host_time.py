# How many real seconds things may take on a loaded machine.
# MIT license; part of microevse
"""What a test shows, it shows in virtual time. A limit in real time only ends what hangs, so it is
generous: it costs nothing while all goes well, and a machine with ten more things to do passes."""

ANSWER_S = 120  # one answer, or the end of one program
STORY_S = 300  # everything that one test plays
