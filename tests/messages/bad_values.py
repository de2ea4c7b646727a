"""What each type of field must refuse."""

import math
from typing import Any

from models.values import limits
from tests.messages.samples import REFUND_ID

BLANK = ["", " ", "\t", "\u00a0\u2003"]
CONTROL = ["a\x00b", "a\nb", "a\n", "\ra", "a\x1b[31m", "a\x7f", "a\x80b", "a\x9b31m", "\x85a"]
SURROGATES = ["\ud800", "a\udfffb", "\ude00\ud83d"]
NO_TEXT: list[Any] = [1, 1.5, True, [], {}, ["a"], float("nan")]
"""Beside None, which some fields may be."""

LONG = "x" * (limits.ID_MAX_LENGTH + 1)
BAD_IDENTIFIERS: list[Any] = [*BLANK, *CONTROL, *NO_TEXT, LONG, *SURROGATES]
BAD_PERSONS: list[Any] = [
    *BLANK,
    *CONTROL,
    *NO_TEXT,
    "x" * (limits.PERSON_MAX_LENGTH + 1),
    "\u00e9" * 10**6,
    *SURROGATES,
]
BAD_NAMES: list[Any] = [LONG, "a\x00", *SURROGATES, *NO_TEXT]
BAD_NOTES: list[Any] = [
    "x" * (limits.NOTE_MAX_LENGTH + 1),
    "\n" * 10**6,
    "\x00",
    "a\x00b",
    *SURROGATES,
    *NO_TEXT,
]
BAD_NUMBERS: list[Any] = [
    1.5,
    1.0,
    -0.0,
    1e300,
    float("nan"),
    math.inf,
    -math.inf,
    True,
    False,
    "1",
    "",
    "NaN",
    [],
    [1],
    {},
    10**30,
    -(10**30),
]
BEYOND: list[Any] = [10**12 + 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 2**127]
"""More than any amount: 2**63 leaves a database's integer, 2**64 would come round to 0."""

BAD_SIGNED: list[Any] = [*BAD_NUMBERS, *BEYOND, *(-one for one in BEYOND)]
BAD_NON_NEGATIVE: list[Any] = [*BAD_SIGNED, -1]
BAD_POSITIVE: list[Any] = [*BAD_NON_NEGATIVE, 0]
BAD_QUANTITIES: list[Any] = [*BAD_POSITIVE, limits.QUANTITY_MAX + 1, 2**31, 2**32 + 1]
BAD_RATES: list[Any] = [*BAD_NON_NEGATIVE, limits.TAX_RATE_MAX_BASIS_POINTS + 1]
BAD_BOOLEANS: list[Any] = [
    0,
    1,
    0.0,
    1.0,
    float("nan"),
    "",
    "true",
    "false",
    "yes",
    "\ud800",
    [],
    [True],
    {},
    2**64,
]
BAD_UUIDS: list[Any] = [
    *NO_TEXT,
    "",
    "refund-1",
    "{" + REFUND_ID + "}",
    "urn:uuid:" + REFUND_ID,
    REFUND_ID.replace("-", ""),
    REFUND_ID.replace("-", "_"),
    REFUND_ID[:-1],
    REFUND_ID + "0",
    REFUND_ID + "\n",
    REFUND_ID + "-",
    REFUND_ID + "}",
    REFUND_ID + "urn:uuid:",
    " " + REFUND_ID,
    "g" + REFUND_ID[1:],
    "0f8fad5bd-9cb-569f-a165-70867728950e",
    "\uff10" + REFUND_ID[1:],  # a digit, but no ASCII one
    "\x00" + REFUND_ID[1:],
    "\ud800" + REFUND_ID[1:],
    REFUND_ID.encode(),
    int(REFUND_ID.replace("-", ""), 16),
]
BAD_MOMENTS: list[Any] = [
    "2026-11-24T09:30:00",
    "2026-11-24",
    "09:30:00Z",
    "24.11.2026 09:30",
    "now",
    "",
    "NaN",
    "1763976600",
    1763976600,
    1763976600.0,
    float("nan"),
    2**64,
    True,
    [],
    {},
    "\ud800",
    "2026-11-24T09:30:00Z\x00",
    "2026-11-24T09:30:00Z\x00 or later",
    "2026-11-24x09:30:00Z",
    "2026-11-24\ud80009:30:00Z",
    "2026-11-24\n09:30:00Z",
    "2026-W48-2T09:30Z",
    "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2000-01-01T00:30:00+01:00",  # still 1999 in UTC, as it is stored
    "2200-12-31T23:30:00-01:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-11-24T09:30:00+25:00",
    "9" * 10**6,
]
BAD_PRICES: list[Any] = [
    *(40, 40.0, True, float("nan"), 2**64, [], {}),
    *("NaN", "-inf", "1e400", "x", "", "1,5", "9.0000001", "\ud800", "4\x000"),
    *("4_0", "\uff14\uff10.00", " 40.00 ", "\u0664\u0660", "0x28", "9" * 10**6),
]
BAD_CURRENCIES: list[Any] = [
    *("XAU", "XXX", "XTS", "sek", "SE", "SEKK", "ZZZ", "", "SEK\n", "S\x00K", "\ud800EK"),
    *NO_TEXT,
]
BAD_MARKETS: list[Any] = ["ZZ", "UK", "EU", "se", "SWE", "", "SE\n", "S\x00", "\ud800E", *NO_TEXT]
BAD_PROVIDERS: list[Any] = ["", "Sandbox", "a b", "1a", "x" * 41, "a\n", "\uff41", "\ud800"]
BAD_VERSIONS: list[Any] = [0, 2, -1, 2**64, "1", None, [1], {}, 1.0, 1.5, True, float("nan")]
BAD_LINE_TYPES: list[Any] = ["", "gift", "PHYSICAL", "physical ", "\ud800", None, *NO_TEXT]
BAD_KINDS: list[Any] = ["", "all", "FULL", "Lines", "lines\n", "\ud800", None, *NO_TEXT]
BAD_REASONS: list[Any] = [
    *("", " ", "RETURN", "Return", "return ", "return\n", "returns", "too small", "r\x00"),
    "chargeback",  # what a lost dispute took is no merchant's request
    *("x" * 65, "x" * 10**6, "\ud800"),
    *NO_TEXT,
    2**64,
]
BAD_OUTCOMES: list[Any] = ["", "WON", "open", "draw", "won ", "lost\x00", "\ud800", None, *NO_TEXT]
