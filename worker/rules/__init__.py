"""Pure decisions: data in, data out. No I/O, no clock, no chance."""
