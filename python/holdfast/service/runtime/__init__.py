"""What every part of the daemon uses and what knows none of them."""
