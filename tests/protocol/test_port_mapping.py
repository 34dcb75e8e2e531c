"""PCP and NAT-PMP by the bytes of their RFCs; answers of a router may be anything."""

import ipaddress
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pchat.errors import RemoteProtocolError
from p2pchat.protocol.port_mapping import (
    Mapped,
    Result,
    nat_pmp_address_request,
    nat_pmp_request,
    pcp_request,
    read_nat_pmp,
    read_pcp,
)

NONCE = bytes(range(12))


def in_ipv6(host: str) -> bytes:
    return bytes(10) + b"\xff\xff" + ipaddress.IPv4Address(host).packed


def pcp_answer(
    result: int = 0, *, nonce: bytes = NONCE, kind: int = 6, port: int = 4000, version: int = 2
) -> bytes:
    head = struct.pack("!BBBBII", version, 0x81, 0, result, 3600, 77) + bytes(12)
    mapping = nonce + bytes((kind, 0, 0, 0)) + struct.pack("!HH", port, 40000)
    return head + mapping + in_ipv6("5.5.5.10")


def test_pcp_request_is_that_of_the_rfc() -> None:
    """RFC 6887, figures 2 and 9: 24 bytes of header, 36 of the mapping."""
    request = pcp_request(NONCE, "192.168.0.2", 4000, 7200)
    assert len(request) == 60
    assert request[:8] == bytes((2, 1, 0, 0)) + struct.pack("!I", 7200)
    assert request[8:24] == in_ipv6("192.168.0.2")
    assert request[24:40] == NONCE + bytes((6, 0, 0, 0))
    assert request[40:44] == struct.pack("!HH", 4000, 0)
    assert request[44:] == in_ipv6("0.0.0.0")
    again = pcp_request(NONCE, "192.168.0.2", 4000, 7200, wanted=("5.5.5.10", 40000))
    assert again[40:] == struct.pack("!HH", 4000, 40000) + in_ipv6("5.5.5.10")


def test_pcp_answers() -> None:
    """The external address of a granted port; a refusal; a router that knows only NAT-PMP."""
    assert read_pcp(pcp_answer(), NONCE, 4000) == Mapped(0, 77, 4000, 40000, 3600, "5.5.5.10")
    assert read_pcp(pcp_answer(2), NONCE, 4000) == Mapped(2, 77)
    old = struct.pack("!BBHI", 0, 0, 1, 99)
    assert read_pcp(old, NONCE, 4000) == Mapped(Result.UNSUPPORTED_VERSION, 99)


@pytest.mark.parametrize(
    "answer",
    [
        pcp_answer(nonce=bytes(12)),
        pcp_answer(kind=17),
        pcp_answer(port=4001),
        pcp_answer(version=3),
        pcp_answer()[:59],
        pcp_answer()[:23],
        b"",
        pcp_request(NONCE, "192.168.0.2", 4000, 7200),
    ],
)
def test_what_is_no_answer_to_our_pcp_request(answer: bytes) -> None:
    """Another nonce, protocol, port or version, a part of an answer, a request."""
    with pytest.raises(RemoteProtocolError):
        read_pcp(answer, NONCE, 4000)


def test_nat_pmp_is_that_of_the_rfc() -> None:
    """RFC 6886, sections 3.2 and 3.3."""
    assert nat_pmp_address_request() == bytes(2)
    asked = nat_pmp_request(4000, 7200, wanted=4000)
    assert asked == struct.pack("!BBHHHI", 0, 2, 0, 4000, 4000, 7200)
    address = struct.pack("!BBHI", 0, 128, 0, 77) + bytes((5, 5, 5, 10))
    assert read_nat_pmp(address, 4000) == Mapped(0, 77, host="5.5.5.10")
    granted = struct.pack("!BBHIHHI", 0, 130, 0, 77, 4000, 40000, 3600)
    assert read_nat_pmp(granted, 4000) == Mapped(0, 77, 4000, 40000, 3600)
    assert read_nat_pmp(struct.pack("!BBHI", 0, 130, 3, 77), 4000) == Mapped(3, 77)
    for wrong in (granted[:15], address[:11], asked, granted.replace(b"\x82", b"\x81")):
        with pytest.raises(RemoteProtocolError):
            read_nat_pmp(wrong, 4000)
    with pytest.raises(RemoteProtocolError):
        read_nat_pmp(granted, 4001)


@given(st.binary(max_size=100))
def test_any_datagram(data: bytes) -> None:
    """Readers raise nothing but the error of their contract."""
    for read in (lambda: read_pcp(data, NONCE, 4000), lambda: read_nat_pmp(data, 4000)):
        with suppress(RemoteProtocolError):
            read()
