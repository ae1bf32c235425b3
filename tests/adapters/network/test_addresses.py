"""Addresses: what is checked is what the client then goes to."""

from __future__ import annotations

import pytest

from adapters.network.addresses import read_address, read_base_address
from adapters.network.http import HttpTransport
from adapters.network.websocket import WebSocketDialer
from domain.errors import VenueError


def test_parts_of_an_address() -> None:
    address = read_address("HTTPS://Api.Venue.com:8443/v4/orders?limit=5&id=a%2Fb#top")

    assert address == ("https", "api.venue.com", 8443, "api.venue.com:8443", "/v4/orders?limit=5&id=a%2Fb")
    assert address.is_secure and not address.is_on_this_machine


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://venue.com", "venue.com", 80, "/"),
        ("wss://venue.com?token", "venue.com", 443, "/?token"),
        ("ws://[::1]:9/ws", "::1", 9, "/ws"),
    ],
)
def test_what_is_not_written_is_filled_in(url: str, host: str, port: int, target: str) -> None:
    address = read_address(url)

    assert (address.host, address.port, address.target) == (host, port, target)


@pytest.mark.parametrize("url", ["http://venue.com/a?b", "http://venue.com#a", "http://venue.com/a%20b", "http://a/\n"])
def test_what_we_add_to_is_a_path_and_no_more(url: str) -> None:
    with pytest.raises(ValueError):
        read_base_address(url)


@pytest.mark.parametrize("host", [r"127.0.0.1\@evil.com", "127.0.0.1@evil.com", "2130706433", "localhost."])
def test_client_goes_to_no_address_that_the_check_would_refuse(host: str) -> None:
    with pytest.raises(ValueError):
        HttpTransport(1, 1.0).send("GET", f"http://{host}/", {}, b"", 1.0)
    with pytest.raises(VenueError):
        WebSocketDialer().open(f"ws://{host}/", 1.0)
