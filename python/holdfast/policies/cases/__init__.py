"""Cases that live beside a policy: read strictly, decided by the core, with their coverage."""
