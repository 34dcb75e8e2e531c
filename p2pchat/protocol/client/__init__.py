"""What a node and its clients say to each other: orders, answers, events, state."""
