"""Policies of other systems become Holdfast policies, with a report of what is not kept exactly.

What cannot be said here becomes stricter, or is reported with its consequence; a field that an
importer does not know makes every payment wait for a person. Nothing is dropped silently.
"""
