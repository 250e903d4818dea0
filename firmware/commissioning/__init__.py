# The first set-up: access point, page, console.
# MIT license; part of microevse
