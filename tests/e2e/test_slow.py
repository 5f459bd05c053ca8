#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Flows to TCP collectors that are slow, take nothing, or talk themselves."""
import signal
import socket
import threading
import time

import frames
import harness
import ipfix
import wire
from exports import ExportCase, PING, UDP

MANY = [frames.ipv4(frames.udp(port, 53), frames.UDP) for port in range(1000, 5000)]
WHOLE = 4000 * 50  # all of it is more bytes than this


class Peer:
    """A collector of one connection after the other, in a thread that does `serve` with each."""

    def __init__(self, serve):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # of its connections
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(8)
        self.to = f"tcp:127.0.0.1:{self.socket.getsockname()[1]}"
        self.stopped = threading.Event()
        self.connections = []
        self.taken = []  # bytes of each connection
        self.said = 0    # bytes to the exporter
        self.ends = []   # of connections: None, or the error
        self.thread = threading.Thread(target=self.run, args=(serve,))
        self.thread.start()

    def run(self, serve):
        while True:
            connection, _ = self.socket.accept()
            if self.stopped.is_set():
                return connection.close()
            self.connections.append(connection)
            self.taken.append(b"")
            try:
                serve(self, connection)
                self.ends.append(None)
            except OSError as end:
                self.ends.append(end)

    def take(self, connection, size):
        """False: the stream has ended."""
        data = connection.recv(size)
        self.taken[-1] += data
        return bool(data)

    def take_all(self, connection):
        while self.take(connection, 65536):
            pass

    def records(self):
        """The records of the last connection, in messages that are there as a whole."""
        stream, data = ipfix.Stream(), self.taken[-1] if self.taken else b""
        while len(data) >= 4 and len(data) >= (length := int.from_bytes(data[2:4], "big")):
            stream.message(data[:length])
            data = data[length:]
        return stream.records

    def close(self):
        self.stopped.set()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended
        socket.create_connection(self.socket.getsockname()).close()
        self.thread.join()
        for one in (self.socket, *self.connections):
            one.close()


class SlowTest(ExportCase):
    def peer(self, serve):
        made = Peer(serve)
        self.addCleanup(made.close)
        return made

    def test_a_slow_collector_is_waited_for_and_gets_each_flow_once(self):
        def slowly(peer, connection):  # longer than the export is patient with one that stands still
            while peer.take(connection, 1500) and not peer.stopped.wait(0.06):
                pass
        peer = self.peer(slowly)
        self.load("f", "flows")
        self.receive(*MANY)
        began = time.monotonic()
        self.export(["--to", peer.to], "--idle", 0, "--count", 1)
        self.assertGreater(time.monotonic() - began, 5)
        self.eventually(lambda: peer.ends, "the connection ends", 20)
        self.assertEqual(peer.ends, [None])
        self.assertEqual(sorted(record["sourceTransportPort"] for record in peer.records()),
                         list(range(1000, 5000)))

    def test_what_is_given_up_is_reset_and_does_not_arrive_behind_the_back(self):
        go_on = threading.Event()

        def stand_still(peer, connection):
            peer.take(connection, 100)
            go_on.wait(60 * wire.PATIENCE)
            peer.take_all(connection)
        peer = self.peer(stand_still)
        self.addCleanup(go_on.set)
        self.load("f", "flows")
        self.receive(*MANY)
        result = self.export(["--to", peer.to], "--idle", 0, "--count", 1, code=harness.FAILED)
        self.assertIn("no acknowledgement", result.err)
        go_on.set()
        self.eventually(lambda: peer.ends, "the connection ends", 20)
        self.assertIsInstance(peer.ends[0], ConnectionResetError)
        self.assertLess(len(peer.taken[0]), WHOLE)
        collector = self.collector("tcp")
        self.export(["--to", collector.to], "--idle", 0, "--count", 1)
        self.eventually(lambda: len(collector.records()) == len(MANY), "the kernel had it still")

    def test_the_end_is_not_put_off_for_ever_by_a_collector_that_trickles(self):
        def trickle(peer, connection):
            while peer.take(connection, 10) and not peer.stopped.wait(0.5):
                pass
        peer = self.peer(trickle)
        self.load("f", "flows")
        self.receive(*MANY)
        exporter = self.start("export", "f", "--profile", "ipfix", "--to", peer.to, "--idle", "0",
                              "--interval", "50ms")
        self.eventually(lambda: peer.taken and peer.taken[0], "it is on its way", 20)
        exporter.send_signal(signal.SIGTERM)
        _, err = exporter.communicate(timeout=20 * wire.PATIENCE)
        self.assertEqual(exporter.returncode, harness.FAILED)
        self.assertIn("stay in the kernel", err)


class TalkTest(ExportCase):
    def talker(self):
        """Sends more than an exporter can read, and takes what it gets."""
        def talk(peer, connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)

            def say():
                try:
                    while not peer.stopped.is_set():
                        peer.said += connection.send(bytes(1 << 20))
                except OSError:
                    pass  # the connection has ended
            talking = threading.Thread(target=say)
            talking.start()
            try:
                peer.take_all(connection)
            finally:
                connection.close()
                talking.join()
        peer = Peer(talk)
        self.addCleanup(peer.close)
        return peer

    def test_a_collector_that_talks_without_end_is_not_listened_to(self):
        self.load("f", "flows")
        peer = self.talker()
        exporter = self.start_export(peer.to, "--idle", 0)
        for count in range(1, 20):
            self.receive(UDP, PING)
            self.eventually(lambda: len(peer.records()) == 2 * count, "a window comes", 2)
        self.assertLess(peer.said, 16 << 20)  # what is in buffers, and a little more each window
        exporter.send_signal(signal.SIGTERM)
        exporter.communicate(timeout=2 * wire.PATIENCE)
        self.assertEqual(exporter.returncode, harness.OK)
        self.assertEqual(len(peer.taken), 1)


if __name__ == "__main__":
    harness.main()
