"""Policies to begin with, each with the cases that show what it does."""
