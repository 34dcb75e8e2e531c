"""Words and layout: what is typed, and what is shown. Pure."""
