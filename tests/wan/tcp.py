#!/usr/bin/env python3
"""One TCP connection that sends as much as it can, between the two hosts that wan.py has made.

tcp.py sink SECONDS        on the receiving host: prints the Mbit/s of each second
tcp.py source ADDRESS      on the sending host, until the other side ends
"""

import socket
import sys
import time

PORT = 7007


def sink(seconds: int) -> None:
    with socket.create_server(("", PORT)) as server:
        print("ready", file=sys.stderr, flush=True)
        connection, _ = server.accept()
    with connection:
        begun = time.monotonic()
        for second in range(1, seconds + 1):
            received = 0
            while (left := begun + second - time.monotonic()) > 0:
                connection.settimeout(left)
                try:
                    received += len(connection.recv(1 << 16))
                except TimeoutError:
                    break
            print(round(received * 8 / 1e6, 2), flush=True)


def source(address: str) -> None:
    with socket.create_connection((address, PORT)) as connection:
        try:
            while True:
                connection.sendall(bytes(1 << 16))
        except OSError:
            return


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sink", seconds]:
            sink(int(seconds))
        case ["source", address]:
            source(address)
        case _:
            sys.exit(__doc__)
