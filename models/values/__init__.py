"""Plain values that rules take and give. Standard library only."""
