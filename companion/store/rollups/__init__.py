"""What the roll-ups count, and how their bins are read."""
