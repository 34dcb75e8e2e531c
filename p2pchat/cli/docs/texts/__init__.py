"""The longer topics of `p2p help`, as text of at most 80 columns."""
