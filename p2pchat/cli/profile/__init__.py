"""Commands about what a profile holds, and how it is set up."""
