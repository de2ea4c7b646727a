"""What merchants, markets and currencies allow: a data file that operators can replace."""
