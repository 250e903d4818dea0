# Types of table.py; names and parameters by `make stubs`.
TABLE: str
MONITORED: str
NEEDS: str
