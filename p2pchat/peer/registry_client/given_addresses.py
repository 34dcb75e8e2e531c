"""Addresses that a registry gives for contacts: which may be dialled, and in which zone."""

import msgspec

from p2pchat.net.address import is_ip, leads_here, with_zone_of
from p2pchat.protocol.messages import SearchResult


def may_be_dialled(host: str, registry_host: str) -> bool:
    """Return whether we may connect to a host that the registry gives for a contact.

    This machine, its local link and host names are excluded unless the registry is there itself: it
    could otherwise have us connect where only we can.
    """
    if host == registry_host:
        return True
    if not is_ip(host):
        return False
    return not leads_here(host) or (is_ip(registry_host) and leads_here(registry_host))


def in_zone(found: SearchResult, registry_host: str) -> SearchResult:
    """Return the result with the IPv6 zone of our link to the registry, which knows none."""
    if "%" not in registry_host or not found.host:
        return found
    return msgspec.structs.replace(found, host=with_zone_of(found.host, registry_host))
