"""What was seen of contracts and prices, for every decision."""
