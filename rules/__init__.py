"""The core: what a rule is, and what follows from the numbers. Pure: no I/O, no clock."""
