"""What is written about policies: requests in words, cases, imports, templates, the schema of keys.

The core alone decides; this package only writes what it is asked, and reads what it says.
"""
