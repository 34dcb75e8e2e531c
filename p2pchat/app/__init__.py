"""The parts of commands that do not depend on Click: settings, files, the loop, access to a
node.
"""
