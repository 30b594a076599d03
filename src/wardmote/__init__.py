"""Wardmote."""
