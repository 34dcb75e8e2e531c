"""The callback of an owner that does not listen: what every optional callback is at first."""


def ignore(*_: object) -> None:
    """Do nothing, whatever is reported."""
