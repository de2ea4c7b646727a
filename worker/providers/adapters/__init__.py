"""One adapter a file. Adapters do not see each other."""
