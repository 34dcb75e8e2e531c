"""Texts and layout: parsing typed lines, formatting output. Pure."""
