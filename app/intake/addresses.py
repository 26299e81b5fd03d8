"""One question: is this address public? Whatever is not is never connected to for a caller."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

# The registries are IANA's "Special-Purpose Address" ones (RFC 6890); each row has its own RFC.
_NOT_PUBLIC_4 = (
    "0.0.0.0/8",  # RFC 1122, 3.2.1.3: "this network"; Linux takes 0.0.0.0 for loopback
    "10.0.0.0/8",  # RFC 1918: private
    "100.64.0.0/10",  # RFC 6598: behind a carrier's NAT; the metadata of Alibaba Cloud
    "127.0.0.0/8",  # RFC 1122: loopback
    "168.63.129.16/32",  # no RFC: the host agent of Azure, at an address that looks public
    "169.254.0.0/16",  # RFC 3927: link-local; the metadata of most clouds (169.254.169.254)
    "172.16.0.0/12",  # RFC 1918: private
    "192.0.0.0/24",  # RFC 6890: protocol assignments; the metadata of Oracle Cloud
    "192.0.2.0/24",  # RFC 5737: documentation
    "192.31.196.0/24",  # RFC 7535: AS112
    "192.52.193.0/24",  # RFC 7450: AMT relays
    "192.88.99.0/24",  # RFC 7526: 6to4 relays, withdrawn
    "192.168.0.0/16",  # RFC 1918: private
    "192.175.48.0/24",  # RFC 7534: AS112
    "198.18.0.0/15",  # RFC 2544: benchmarks between networks
    "198.51.100.0/24",  # RFC 5737: documentation
    "203.0.113.0/24",  # RFC 5737: documentation
    "224.0.0.0/4",  # RFC 5771: multicast
    "240.0.0.0/4",  # RFC 1112: reserved; its last is the broadcast address (RFC 919)
)
# RFC 4291, 2.4: global unicast. What lies outside it (loopback ::1, unspecified ::, mapped
# ::ffff:0:0/96, unique local fc00::/7 of RFC 4193, link-local fe80::/10, site-local fec0::/10 of
# RFC 3879, multicast ff00::/8, local NAT64 64:ff9b:1::/48 of RFC 8215) is not public.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = (
    "2001::/23",  # RFC 2928: protocol assignments, with Teredo (RFC 4380) and ORCHID (RFC 7343)
    "2001:db8::/32",  # RFC 3849: documentation
    "2002::/16",  # RFC 3056: 6to4, which carries an IPv4 address of anybody's choice
    "2620:4f:8000::/48",  # RFC 7534: AS112
    "3fff::/20",  # RFC 9637: documentation
)
# RFC 6052: how a network with IPv6 alone reaches an IPv4 address, which is the one to look at.
_NAT64 = IPv6Network("64:ff9b::/96")
# RFC 5214, 6.1: interface identifiers of ISATAP, which carry an IPv4 address too.
_ISATAP = (0x00005EFE, 0x02005EFE)


def _networks(rows: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(row) for row in rows)


_REFUSED_4 = _networks(_NOT_PUBLIC_4)
_REFUSED_6 = _networks(_NOT_PUBLIC_6)


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet and to nothing closer to us."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    if address.scope_id is not None:
        return False  # RFC 4007: a zone is a link of this machine
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address not in _GLOBAL_6 or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return not any(address in network for network in _REFUSED_6)
