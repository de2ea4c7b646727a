"""Tests of the embedded servers, on the real servers."""
