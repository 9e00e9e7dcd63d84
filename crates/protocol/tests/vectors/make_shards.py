#!/usr/bin/env python3
"""Writes shards.json: units as the specification's Shards section cuts and codes them.

    python3 make_shards.py

It needs no package, and does it the long way: products bit by bit, and the polynomial through the
data shards by solving for its coefficients. Bytes are hexadecimal. Of long units only the CRC-32 of each shard
is written, and so of the second and third parity shard of each block beyond those that the unit has.
"""

import json
import zlib
from pathlib import Path

MESSAGE, WIDE_MESSAGE, HEADER, MOST = 1160, 48 * 1024, 11, 128


def times(a: int, b: int) -> int:
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11D
        b >>= 1
    return product


PRODUCTS = [[times(a, b) for b in range(256)] for a in range(256)]


def power(x: int, n: int) -> int:
    value = 1
    for _ in range(n):
        value = PRODUCTS[value][x]
    return value


def inverse(a: int) -> int:
    return power(a, 254)


def solve(size: int) -> list[list[int]]:
    """The inverse of the matrix with x^0, x^1 … in the row of place x: from values to coefficients."""
    rows = [[power(x, n) for n in range(size)] + [int(x == n) for n in range(size)] for x in range(size)]
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        factor = inverse(rows[column][column])
        rows[column] = [PRODUCTS[factor][value] for value in rows[column]]
        for row in range(size):
            if row != column and (factor := rows[row][column]):
                rows[row] = [a ^ PRODUCTS[factor][b] for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[size:] for row in rows]


def values(data: list[bytes], places: range) -> list[bytes]:
    """The values at `places` of the polynomial that has the data shards at 0, 1, 2 …"""
    to_coefficients = solve(len(data))
    shards = []
    for place in places:
        powers = [power(place, n) for n in range(len(data))]
        factors = []
        for shard in range(len(data)):
            factor = 0
            for n in range(len(data)):
                factor ^= PRODUCTS[powers[n]][to_coefficients[n][shard]]
            factors.append(factor)
        value = bytearray(len(data[0]))
        for factor, shard in zip(factors, data, strict=True):
            row = PRODUCTS[factor]
            for at, byte in enumerate(shard):
                value[at] ^= row[byte]
        shards.append(bytes(value))
    return shards


def content(number: int, text: str, data: bytes) -> bytes:
    rest = len(text.encode()).to_bytes(4, "big") + text.encode() + data
    return zlib.crc32(number.to_bytes(4, "big") + rest).to_bytes(4, "big") + rest


def shards(number: int, whole: bytes, parity: int, message: int = MESSAGE) -> list[bytes]:
    fewest = -(-len(whole) // (message - HEADER))
    length = -(-len(whole) // fewest)
    data = [whole[at : at + length].ljust(length, b"\0") for at in range(0, len(whole), length)]
    blocks = -(-len(data) // MOST)
    in_block = [data[block::blocks] for block in range(blocks)]
    more = [values(block, range(len(block), len(block) + parity)) for block in in_block]
    payloads = data + [more[block][at] for at in range(parity) for block in range(blocks)]
    head = bytes([0xF5, parity]) + number.to_bytes(4, "big")
    end = len(whole).to_bytes(3, "big")
    return [head + index.to_bytes(2, "big") + end + payload for index, payload in enumerate(payloads)]


def further(number: int, whole: bytes, parity: int, before: int, count: int) -> list[bytes]:
    """Parity shards beyond those that the unit has, block by block: `count` of each, after the first `before`."""
    sent = shards(number, whole, 0)
    data = [shard[HEADER:] for shard in sent]
    blocks = -(-len(data) // MOST)
    head = bytes([0xF5, parity]) + number.to_bytes(4, "big")
    end = len(whole).to_bytes(3, "big")
    late = []
    for block in range(blocks):
        own = data[block::blocks]
        first = len(own) + parity + before
        for at, payload in enumerate(values(own, range(first, first + count))):
            index = len(data) + (parity + before + at) * blocks + block
            late.append(head + index.to_bytes(2, "big") + end + payload)
    return late


def picture(length: int) -> bytes:
    return bytes((7 * at + at // 251) % 256 for at in range(length))


def written(wire: list[bytes]) -> dict:
    if sum(map(len, wire)) < 4096:
        return {"wire": [shard.hex() for shard in wire]}
    return {"crc32": [zlib.crc32(shard) for shard in wire]}


def unit(name: str, parity: int, text: str, length: int = 0, number: int = 0) -> dict:
    wire = shards(number, content(number, text, picture(length)), parity)
    vector = {"name": name, "unit": number, "parity": parity, "text": text, "data_bytes": length, "shards": len(wire)}
    late = further(number, content(number, text, picture(length)), parity, 1, 2)
    vector |= {"late_crc32": [zlib.crc32(shard) for shard in late]}
    return vector | written(wire)


def wide_unit(name: str, text: str, length: int, number: int) -> dict:
    """A unit in few large shards, without parity."""
    wire = shards(number, content(number, text, picture(length)), 0, WIDE_MESSAGE)
    vector = {"name": name, "unit": number, "text": text, "data_bytes": length, "shards": len(wire), "wide": True}
    return vector | written(wire)


received = '{"type":"FRAME_RECEIVED","frame_id":3}'
vectors = [
    unit("an answer, twice", 1, received),
    unit("an answer, once", 0, received, number=2**32 - 1),
    unit("a small gray picture of two packets", 2, "FRAME_META::1:30:40:1:uint8:1200", 1200, 1),
    unit("a frame of 22 packets", 6, "FRAME_META::42:480:640:3:jpeg:25000:1700000000000000:driver", 25_000, 7),
    unit("one packet to the last byte", 1, "FRAME_META::0:1:1:1:jpeg:1117", 1117 - 5, 9),
    unit("several blocks", 3, "FRAME_META::5:1080:1920:3:jpeg:310000", 310_000, 65_536),
    wide_unit("one large shard", "FRAME_META::6:60:60:1:jpeg:3000", 3000, 11),
    wide_unit("several large shards", "FRAME_META::7:1080:1920:3:jpeg:120000", 120_000, 12),
]
Path(__file__).with_name("shards.json").write_text(json.dumps(vectors, indent=1) + "\n")
