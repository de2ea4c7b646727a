"""What things are: values, wire messages and tables."""
