"""What is said. No socket, clock, file, log, database or terminal."""
