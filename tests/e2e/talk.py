# SPDX-License-Identifier: BSD-2-Clause
"""A TCP connection between the kernels of the two namespaces, with every byte of it known."""
import socket


def receive_all(connected):
    got = bytearray()
    while chunk := connected.recv(65536):
        got += chunk
    return bytes(got)


def exchange(red, blue, request, answer, red_port=6000, blue_port=5000):
    """red connects to blue, sends `request`, gets `answer`; when this is back both are closed."""
    with blue.socket() as server, red.socket() as client:
        server.bind(("10.0.0.2", blue_port))
        server.listen(1)
        client.bind(("10.0.0.1", red_port))
        client.connect(("10.0.0.2", blue_port))
        served, _ = server.accept()
        with served:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(served) == request
            served.sendall(answer)
            served.shutdown(socket.SHUT_WR)
            assert receive_all(client) == answer
