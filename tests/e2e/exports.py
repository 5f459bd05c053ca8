# SPDX-License-Identifier: BSD-2-Clause
"""What tests of exported flows stand on: frames, the flows that they are, and exports of them."""
import signal

import frames
import harness
import ipfix
import wire
from frames import ACK, FIN, PSH, SYN

RED, BLUE = "10.0.0.1", "10.0.0.2"

TCP = frames.ipv4(frames.tcp(40000, 443, SYN), frames.TCP, tos=0xb8)
TCP_MORE = frames.ipv4(frames.tcp(40000, 443, PSH | ACK, b"x" * 60), frames.TCP, tos=0xb8)
TCP_END = frames.ipv4(frames.tcp(40000, 443, FIN | ACK), frames.TCP, tos=0xb8)
UDP = frames.ipv4(frames.udp(1234, 53, b"x" * 10), frames.UDP)
PING = frames.ipv4(frames.icmp(8), frames.ICMP)
UNREACHABLE = frames.ipv4(frames.icmp(3, 1), frames.ICMP)
UDP6 = frames.ipv6(frames.udp(5353, 5354, b"y" * 100), frames.UDP)
TCP6 = frames.ipv6(frames.tcp(50000, 22, SYN), frames.TCP, tos=0x20)
PING6 = frames.ipv6(frames.icmp(128), frames.ICMPV6)
TAGGED = frames.ipv4(frames.udp(1, 2), frames.UDP, vlan=100)
SENT = [TCP, TCP_MORE, TCP_MORE, UDP, UDP, UDP, PING, PING, UNREACHABLE, UDP6, UDP6, TCP6, PING6,
        TAGGED]

# addresses, ports or ICMP type and code, protocol, packets, bytes of IP, TCP flags, ToS, VLAN
FLOWS = sorted([
    (RED, BLUE, 40000, 443, 6, 3, 240, SYN | PSH | ACK, 0xb8, 0),
    (RED, BLUE, 1234, 53, 17, 3, 114, 0, 0, 0),
    (RED, BLUE, 0, 8 * 256, 1, 2, 56, 0, 0, 0),
    (RED, BLUE, 0, 3 * 256 + 1, 1, 1, 28, 0, 0, 0),
    ("fd00::1", "fd00::2", 5353, 5354, 17, 2, 296, 0, 0, 0),
    ("fd00::1", "fd00::2", 50000, 22, 6, 1, 60, SYN, 0x20, 0),
    ("fd00::1", "fd00::2", 0, 128 * 256, 58, 1, 48, 0, 0, 0),
    (RED, BLUE, 1, 2, 17, 1, 28, 0, 0, 100),
])


def flow_of(record):
    """What a record says, without times and reason."""
    version = 4 if "sourceIPv4Address" in record else 6
    icmp = record.get(f"icmpTypeCodeIPv{version}")
    if icmp is not None and record["destinationTransportPort"] != icmp:
        raise AssertionError(f"type and code are not the destination port: {record}")
    return (record[f"sourceIPv{version}Address"], record[f"destinationIPv{version}Address"],
            record.get("sourceTransportPort", 0),
            record["destinationTransportPort"] if icmp is None else icmp,
            record["protocolIdentifier"], record["packetDeltaCount"], record["octetDeltaCount"],
            record.get("tcpControlBits", 0), record["ipClassOfService"], record["vlanId"])


def fill_disk(folder, pages=0):
    """Leaves so many pages of the disk that the folder is on; returns the file that takes the rest."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - pages * 4096))
    return filler


class ExportCase(harness.Case):
    def setUp(self):
        super().setUp()
        wire.command("ip", "link", "set", "lo", "up")

    def collector(self, kind, address="127.0.0.1", port=0, midway=False):
        made = ipfix.Collector(kind, address, port, midway)
        self.addCleanup(made.close)
        return made

    def export(self, to, *options, code=harness.OK, profile="ipfix", name="f"):
        return self.dynmon("export", name, "--profile", profile, *to, "--interval", "50ms",
                           *options, code=code)

    def start_export(self, to, *options, interval="50ms"):
        """In the background; waits until it runs."""
        process = self.start("--json", "export", "f", "--profile", "ipfix", "--to", to,
                             "--interval", interval, *options)
        self.assertIn('"sequence"', process.stdout.readline())
        return process

    def finish(self, process, code=harness.OK):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30 * wire.PATIENCE)
        self.assertEqual(process.returncode, code, (out or "") + err)
        return err
