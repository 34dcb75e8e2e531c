"""Who is online and at the keyboard, there and here."""
