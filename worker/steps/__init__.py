"""Use cases, one a file: the only place where rules, store and providers meet."""
