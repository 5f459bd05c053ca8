#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe `ntp`: packets from and to port 123, and those of mode 7, in each direction."""
import frames
import harness

CLIENT, SERVER = bytes([0x23]) + bytes(47), bytes([0x24]) + bytes(47)
MONLIST = bytes([0x17, 0x00, 0x03, 0x2a]) + bytes(4)  # mode 7, 8 bytes, as attackers send it


def ntp4(data, sport=123, dport=123, **link):
    return frames.ipv4(frames.udp(sport, dport, data), frames.UDP, **link)


def ntp6(data, sport=123, dport=123, **link):
    return frames.ipv6(frames.udp(sport, dport, data), frames.UDP, **link)


class NtpTest(harness.Case):
    def counted(self, direction):
        document = self.window("n")
        return [self.value(document, name, direction)[0]
                for name in ("ntp_packets_total", "ntp_mode_private_packets_total")]

    def check(self, *options):
        self.load("n", "ntp", *options)
        self.receive(ntp4(CLIENT, sport=40000), ntp4(SERVER, dport=40000), ntp6(CLIENT),
                     ntp4(CLIENT, vlan=5), ntp4(MONLIST, sport=40000), ntp6(MONLIST, vlan=7),
                     ntp4(MONLIST, sport=1, dport=2),  # another port
                     frames.ipv4(frames.tcp(123, 123, frames.SYN, MONLIST), frames.TCP),
                     ntp4(b""), frames.plain(60))
        self.transmit(ntp4(MONLIST), ntp6(SERVER), ntp4(bytes(48), sport=1, dport=2))
        self.assertEqual(self.counted("ingress"), [7, 2])
        self.assertEqual(self.counted("egress"), [2, 1])

    def test_both_directions_on_tc(self):
        self.check()

    def test_both_directions_with_ingress_on_xdp(self):
        self.check("--hook", "xdp")

    def test_the_series_are_those_of_dynmon_s_examples(self):
        self.load("n", "ntp")
        self.receive(ntp4(MONLIST), ntp4(CLIENT))
        out = self.dynmon("read", "n", "--format", "openmetrics").out
        labels = 'IP_PROTO="UDP",L4="NTP",direction="ingress"'
        for line in ('ntp_packets_total{monitor="n",device="blue0",%s} 2' % labels,
                     'ntp_mode_private_packets_total{monitor="n",device="blue0",%s} 1' % labels):
            self.assertIn(line, out.splitlines())


if __name__ == "__main__":
    harness.main()
