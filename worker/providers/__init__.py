"""Payment providers: the contract, the registry, and one file an adapter."""
