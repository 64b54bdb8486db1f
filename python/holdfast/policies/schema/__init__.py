"""The JSON schema of a policy for editors, made from one description of tables and keys."""
