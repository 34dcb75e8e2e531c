"""The same in the original dialect: one chat at a time, in clear."""
