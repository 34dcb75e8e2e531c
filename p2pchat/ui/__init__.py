"""The user interface: screens, the prompt and programs. Uses clients of a node, never a node
itself.
"""
