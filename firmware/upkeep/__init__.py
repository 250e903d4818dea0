# Updates, their trial, diagnostics, files that are sent and fetched.
# MIT license; part of microevse
