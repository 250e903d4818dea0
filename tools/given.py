# What a person has given to `make`, as it was typed.
# MIT license; part of microevse
"""The Makefile hands each word on in the environment, as MICROEVSE_KEY for KEY=. No shell reads it
there and make expands nothing of it, so a password may hold $ & ; ' and ", a file's name blanks
and brackets. What an option of the command line says goes first.
"""

import os
import shlex

PREFIX = "MICROEVSE_"


def text(name, environment=os.environ):
    """What was given as `name`; None if nothing was, or nothing but blanks."""
    return environment.get(PREFIX + name, "").strip() or None


def words(name, environment=os.environ):
    """The list that was given as `name`, cut at blanks; quotation marks hold a word together.

    ValueError, without any of its text, if a quotation is open.
    """
    given = text(name, environment) or ""
    try:
        return shlex.split(given)
    except ValueError as exc:
        raise ValueError("%s: %s: close the quotation" % (name, exc)) from None


def files(name, environment=os.environ):
    """As `words`, of names of files. What is the name of one file as a whole is one word."""
    given = text(name, environment)
    return [given] if given and os.path.exists(given) else words(name, environment)
