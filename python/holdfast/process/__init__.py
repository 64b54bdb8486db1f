"""How a process of Holdfast begins and how it starts another.

Isolated, hardened, from code that only its user can change. The lowest layer: it imports nothing of
the package.
"""
