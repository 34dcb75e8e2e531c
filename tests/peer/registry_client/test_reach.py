"""The paths that a user chooses."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.registry_client.reach import Reach


def test_one_path_must_be_left() -> None:
    """Either kind of path may be turned off, but not both."""
    assert not Reach().is_hidden
    assert not Reach(relay=False).is_hidden
    assert Reach(direct=False).is_hidden
    with pytest.raises(UsageError, match="no-relay and hide-address"):
        Reach(relay=False, direct=False)
