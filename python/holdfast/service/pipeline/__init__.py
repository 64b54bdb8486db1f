"""From a decided request to its end on the chain."""
