"""Where prices come from, and when one is believed."""
