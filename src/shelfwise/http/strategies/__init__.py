"""The rules of resilience as small state machines: no I/O, clock and random generator passed in."""
