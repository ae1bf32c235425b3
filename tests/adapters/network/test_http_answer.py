"""What is exactly one HTTP answer, and what is not."""

from __future__ import annotations

import pytest

from adapters.network.http_answer import MAX_BODY_BYTES, Answer, NotOneAnswer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit: 7\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
WHOLE = {
    "counted": OK,
    "empty": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "interim": HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "chunks": CHUNKED + b"1\r\n{\r\n01 ; a=b\r\n}\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"2\r\n{}\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    "without a reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
}
NOT_ONE = {
    "a processing with a body": b"HTTP/1.1 102 Processing\r\n\r\n{}" + OK,
    "a processing with a length": b"HTTP/1.1 102 Processing\r\nContent-Length: 2\r\n\r\n{}" + OK,
    "hints in chunks": b"HTTP/1.1 103 Hints\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + OK,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "no content with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}",
    "no content with an unannounced body": b"HTTP/1.1 204 No Content\r\n\r\n{}",
    "not modified with a body": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}",
    "not modified in chunks": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two answers": OK + OK,
    "one byte too many": OK + b"\n",
    "chunks and more": CHUNKED + b"0\r\n\r\nx",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
    "a length in other digits": "HTTP/1.1 200 OK\r\nContent-Length: ٢\r\n\r\n{}".encode(),
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a body over the limit": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
    "a chunk over the limit": CHUNKED + b"ffffffff\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk of a size in words": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk of no size": CHUNKED + b"-1\r\n",
    "an endless chunk size": CHUNKED + b"2;" + b"x" * 5_000,
    "no status line": b"<html></html>\r\n\r\n",
    "an empty line first": b"\r\n" + OK,
    "another version": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX-A: b\r\n Content-Length: 9\r\nContent-Length: 0\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "lines without returns": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a lonely return": b"HTTP/1.1 200 OK\r\nX-A: b\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000,
    "endless interim answers": HINTS * 2_000,
    "endless trailers": CHUNKED + b"0\r\n" + b"X-A: b\r\n" * 10_000,
    "a wrong trailer": CHUNKED + b"0\r\nnothing\r\n\r\n",
}


def read(data: bytes, piece: int) -> Answer:
    answer = Answer()
    for start in range(0, len(data), piece):
        answer.feed(data[start : start + piece])
    return answer


@pytest.mark.parametrize("piece", [1, 2, 1_000_000])
@pytest.mark.parametrize("name", WHOLE)
def test_one_answer_is_read_however_it_was_cut(name: str, piece: int) -> None:
    answer = read(WHOLE[name], piece)

    assert answer.is_complete
    assert answer.is_last == (name == "not modified")  # some send the body that they announce
    is_empty = name in ("empty", "no content", "not modified", "without a reason")
    assert answer.body == (b"" if is_empty else b"{}")
    assert answer.status == {"no content": 204, "not modified": 304}.get(name, 200)


@pytest.mark.parametrize("piece", [1, 1_000_000])
@pytest.mark.parametrize("name", NOT_ONE)
def test_what_is_not_exactly_one_answer_is_none(name: str, piece: int) -> None:
    with pytest.raises(NotOneAnswer):
        read(NOT_ONE[name], piece)


@pytest.mark.parametrize("name", WHOLE)
def test_a_part_of_an_answer_is_not_complete(name: str) -> None:
    data = WHOLE[name]

    assert not any(read(data[:size], 1_000_000).is_complete for size in range(len(data)))


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\n"])
def test_a_connection_may_be_over_with_its_answer(head: bytes) -> None:
    answer = read(head + b"Content-Length: 2\r\n\r\n{}", 1_000)

    assert answer.is_complete and answer.is_last


def test_header_names_are_in_lower_case_and_repeated_ones_joined() -> None:
    answer = read(b"HTTP/1.1 429 Slow\r\nRETRY-AFTER: 1\r\nA:b\r\na: c \r\nContent-Length: 0\r\n\r\n", 1_000)

    assert answer.headers == {"retry-after": "1", "a": "b, c", "content-length": "0"}
