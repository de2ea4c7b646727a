"""SQL, one module an aggregate. A function's name says when it locks or claims.

Every function works on a list and costs one statement, so that a batch shares round trips and
the commit. Locks are taken in one order everywhere: orders (by id), then payouts (by id), then
what belongs to them.
"""
