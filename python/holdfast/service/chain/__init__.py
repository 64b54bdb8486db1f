"""Nodes and chains: asked, doubted and compared."""
