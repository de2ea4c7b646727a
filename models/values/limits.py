"""Upper bounds of everything that comes from outside."""

AMOUNT_MAX_MINOR = 10**12
"""Ten thousand million of a two-decimal currency: beyond any order, far below 64 bits and 2^53."""

QUANTITY_MAX = 10**9
LINES_MAX = 1_000
"""Klarna: 0..1000 order lines a call."""

ID_MAX_LENGTH = 255
NAME_MAX_LENGTH = 255
PERSON_MAX_LENGTH = 64
NOTE_MAX_LENGTH = 1_000
REFERENCES_MAX = 20
TAX_RATE_MAX_BASIS_POINTS = 100_000
