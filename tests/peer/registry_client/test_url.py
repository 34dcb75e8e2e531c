"""The URL that names a registry."""

import pytest

from p2pchat.errors import UsageError
from p2pchat.peer.registry_client.url import RegistryUrl, parse_registry_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("original://localhost", RegistryUrl("localhost")),
        ("original://localhost/", RegistryUrl("localhost")),
        ("original://h:99", RegistryUrl("h", 99)),
        ("original://h?udp=1&hello=60", RegistryUrl("h", 1235, 1, 60.0)),
        ("original://h?hello=0.5", RegistryUrl("h", hello_interval=0.5)),
        ("original://[::1]:5", RegistryUrl("::1", 5)),
        ("original://EXAMPLE.org", RegistryUrl("example.org")),
        ("p2p://h", RegistryUrl("h", 7117, 7117, secure=True)),
        ("p2p://[fe80::1%eth0]", RegistryUrl("fe80::1%eth0", 7117, 7117, secure=True)),
        ("p2p://[fe80::1%25eth0]", RegistryUrl("fe80::1%eth0", 7117, 7117, secure=True)),
        ("p2p://h:5#" + "A2" * 26, RegistryUrl("h", 5, 5, secure=True, fingerprint="a2" * 26)),
    ],
)
def test_url_is_parsed(text: str, url: RegistryUrl) -> None:
    """Each part of `original://host[:1235][?udp=4322&hello=6]` and `p2p://` URLs is parsed."""
    assert parse_registry_url(text) == url


@pytest.mark.parametrize(
    "link",
    [
        "p2p://h:7117",
        "p2p://[::1]:5#" + "a2" * 26,
        "p2p://[fe80::1%eth0]:5#" + "a2" * 26,
        "original://h:1235",
        "original://h:99?udp=1&hello=0.5",
    ],
)
def test_link_contains_every_part_of_the_url(link: str) -> None:
    """The link is the full URL, with or without a key."""
    url = parse_registry_url(link)
    assert url.link == link
    assert parse_registry_url(f"{link},{link}").link == link
    if url.secure:
        assert url.with_key("b3" * 26).link == f"{url}#{'b3' * 26}"
        assert url.with_key(None).link == str(url)


def test_several_nodes_of_one_registry() -> None:
    """The first node names the registry, and all nodes use one dialect."""
    url = parse_registry_url("p2p://a, p2p://b:5 p2p://c")
    assert [url.host, *(other.host for other in url.others)] == ["a", "b", "c"]
    assert str(url) == "p2p://a:7117"
    with pytest.raises(UsageError, match="one dialect"):
        parse_registry_url("p2p://a,original://b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:1235",
        "http://h",
        "p2p://h?udp=5",
        "p2p://h#short",
        "p2p://h:0",
        "p2p://*",
        "p2p://*.example.org",
        "original://",
        "original://h:0",
        "original://h:70000",
        "original://h:x",
        "original://h/path",
        "original://h#frag",
        "original://me@h",
        "original://h?udp=0",
        "original://h?udp=1.5",
        "original://h?udp=x",
        "original://h?hello=0",
        "original://h?hello=-1",
        "original://h?hello=nan",
        "original://h?hello=inf",
        "original://h?helo=6",
        "original://h?hello",
        "original://[::1",
    ],
)
def test_malformed_url_is_refused_with_the_expected_form(text: str) -> None:
    """The error shows the text and the expected form."""
    with pytest.raises(UsageError) as error:
        parse_registry_url(text)
    assert repr(text) in error.value.what
    assert "original://HOST" in error.value.advice


def test_registry_has_one_canonical_name() -> None:
    """Different spellings of a URL have one name, under which accounts are stored."""
    names = {
        str(parse_registry_url(f"original://h{rest}")) for rest in ("", ":1235", "?hello=6", "/")
    }
    assert names == {"original://h:1235"}
