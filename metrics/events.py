"""Bytes of a request body to the JSON lines in it: decompression under a limit, and the form of the body.

First stage of the river. A body is NDJSON, one JSON object (also pretty-printed over several lines, as the tutorial's
`curl -d` sends it) or, with `format=json`, an array of objects too. The Content-Type is not looked at: clients send a
dozen different ones for the same bytes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import msgspec
import zstandard

from metrics.errors import BadRequest, BodyTooLarge

_RAW = msgspec.json.Decoder(msgspec.Raw)
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True)
class Lines:
    """The JSON texts of a body, one for each of its lines or for each item of its array."""

    texts: list[bytes]
    long_fractions: bool


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before `Content-Encoding`; gzip, zstd and identity are known.

    Raises:
        BodyTooLarge: more than `limit` bytes come out; no more than that are ever held.
        BadRequest: the bytes are not what the header says, or the encoding is unknown.
    """
    match encoding.strip().lower():
        case "" | "identity":
            plain = body
        case "gzip" | "x-gzip":
            plain = _gunzip(body, limit)
        case "zstd":
            plain = _unzstd(body, limit)
        case other:
            raise BadRequest(f"Content-Encoding '{other}' is not supported; send gzip, zstd or plain bytes.")
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def too_large(limit: int) -> BodyTooLarge:
    """The error for a body over the limit, in bytes."""
    return BodyTooLarge(f"The body is larger than {limit:,} bytes (PERCH_MAX_BODY); send it in smaller parts.")


def _gunzip(body: bytes, limit: int) -> bytes:
    plain = bytearray()
    rest = body
    while rest:  # a gzip body may be several members, one after another
        member = zlib.decompressobj(wbits=31)
        try:
            plain += member.decompress(rest, limit + 1 - len(plain))
        except zlib.error as error:
            raise BadRequest(f"The body is not valid gzip: {error}.") from None
        if len(plain) > limit:
            raise too_large(limit)
        if not member.eof:
            raise BadRequest("The body is not valid gzip: it ends too early.")
        rest = member.unused_data
    return bytes(plain)


def _unzstd(body: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
            return reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise BadRequest(f"The body is not valid zstd: {error}.") from None


def split(body: bytes, *, array: bool = False) -> Lines:
    """The JSON texts of a body; `array` allows one array of objects as well (`format=json`).

    Raises:
        BadRequest: the body is empty, or an array that does not parse.
    """
    text = body.strip()
    if not text:
        raise BadRequest("The body is empty; send one JSON object, or one per line (NDJSON).")
    long_fractions = b".999999" in text
    if array and text.startswith(b"["):
        return Lines(_array_items(text), long_fractions)
    if _is_pretty_printed(text):
        return Lines([text], long_fractions)
    return Lines(body.rstrip().split(b"\n"), long_fractions)


def _array_items(text: bytes) -> list[bytes]:
    try:
        return [bytes(item) for item in _RAW_ARRAY.decode(text)]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"The body is not a valid JSON array: {error}.") from None


def _is_pretty_printed(text: bytes) -> bool:
    """Whether a body of several lines is one JSON value: then its first line alone is not one."""
    first, newline, _ = text.partition(b"\n")
    return bool(newline) and not _parses(first) and _parses(text)


def _parses(text: bytes) -> bool:
    try:
        _RAW.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True
