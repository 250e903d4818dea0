# Types of actions.py; names and parameters by `make stubs`.
ACTIONS: str
