"""The command line: reads arguments, calls one part, prints what it said. Decides nothing."""
