"""What happens: rules, storage, providers, steps and the command line."""
