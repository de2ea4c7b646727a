"""A folder for PYTHONPATH: what starts with it has a wrong clock."""
