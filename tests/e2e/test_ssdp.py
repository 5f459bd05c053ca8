#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The probe `ssdp`: it drops what is denied and counts it for its prefix, sends events for what is
suspicious, and counts every packet as what it is."""
import ipaddress
import json
import struct
import time

import frames
import harness
import kernel
import published
from harness import STORE

SEARCH = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\r\n"
NOTIFY = b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n" + bytes(200)


def udp4(sport, dport, data=b"", source="10.0.0.1", to="10.0.0.2", **link):
    return frames.ipv4(frames.udp(sport, dport, data), frames.UDP, source=source, to=to, **link)


def udp6(sport, dport, data=b"", source="fd00::1", **link):
    return frames.ipv6(frames.udp(sport, dport, data), frames.UDP, source=source, **link)


class SsdpCase(harness.Case):
    HOOK = ()

    def guard(self, *options):
        self.load("edge", "ssdp", *self.HOOK, *options)

    def traffic_of(self, *kinds):
        """{kind: {field: number}} of what is not zero."""
        rows = {row["key"]: row["value"] for row in self.value(self.window("edge"), "traffic")}
        found = {kind: {name: number for name, number in row.items() if number}
                 for kind, row in rows.items()}
        return {kind: row for kind, row in found.items() if row and (not kinds or kind in kinds)}

    def deny(self, *words, verb="deny", **options):
        document = self.dynmon("--json", verb, "edge", *words, **options).out
        return published.require(self, {"add": "deny-add", "remove": "deny-remove",
                                        "list": "deny-list", "purge": "deny-purge"}[words[0]],
                                 document)

    def denied(self, verb="deny"):
        return {entry["prefix"]: entry for entry in self.deny("list", verb=verb)["entries"]}

    def events(self, count):
        out = self.dynmon("stream", "edge/EVENTS", "--count", count, "--timeout", "5s").out
        return [json.loads(line)["event"] for line in out.splitlines()]


class DenyTest(SsdpCase):
    def test_what_comes_from_a_denied_prefix_is_dropped_and_counted_for_it(self):
        self.guard()
        good, bad = udp4(5000, 6000), udp4(5000, 6000, bytes(70), source="10.9.8.7")
        self.receive(good, bad)
        self.assertEqual(self.deny("add", "10.9.0.0/16"),
                         {"monitor": "edge", "added": ["10.9.0.0/16"], "renewed": [],
                          "dry-run": False, "expires": None})
        self.receive(*[bad] * 5, dropped=True)
        self.receive(good)  # behind them: they have been looked at
        entry = self.denied()["10.9.0.0/16"]
        self.assertEqual((entry["packets"], entry["bytes"], entry["expires"], entry["expired"]),
                         (5, 5 * 98, None, False))
        self.assertEqual(self.traffic_of(), {"OTHER": {"passed": 3, "bytes": 28 + 98 + 28},
                                             "DENIED": {"dropped": 5, "bytes": 5 * 98}})
        self.deny("remove", "10.9.0.0/16")
        self.receive(bad)
        self.assertEqual(self.denied(), {})

    def test_whatever_the_protocol_in_both_families_and_within_a_vlan(self):
        self.guard()
        self.deny("add", "10.9.0.0/16", "fd09::/16")
        out = {"source": "10.9.0.1"}
        self.receive(udp4(1, 2, **out), frames.ipv4(frames.tcp(1, 2, frames.SYN), frames.TCP, **out),
                     frames.ipv4(frames.icmp(8), frames.ICMP, **out), udp4(1, 2, vlan=7, **out),
                     dropped=True)
        self.receive(udp6(1, 2, source="fd09::1"), udp6(1, 2, source="fd09:1::", vlan=7),
                     dropped=True)
        self.receive(udp4(1, 2), udp6(1, 2), frames.plain(60))
        self.assertEqual({prefix: entry["packets"] for prefix, entry in self.denied().items()},
                         {"10.9.0.0/16": 4, "fd09::/16": 2})
        self.assertEqual({kind: row.get("passed") for kind, row in self.traffic_of().items()},
                         {"OTHER": 2, "NOT_IP": 1, "DENIED": None})

    def test_an_entry_ends_by_itself_and_what_it_lies_in_goes_on(self):
        self.guard()
        narrow, wide = udp4(1, 2, source="10.9.8.7"), udp4(1, 2, source="10.9.1.1")
        added = self.deny("add", "10.9.8.7", "--for", "300ms")
        self.assertEqual(added["added"], ["10.9.8.7/32"])
        self.assertIsNotNone(added["expires"])
        self.eventually(lambda: self.denied()["10.9.8.7/32"]["expired"], "the entry has expired")
        self.receive(narrow)  # passes
        self.deny("add", "10.9.0.0/16")
        self.receive(narrow, wide, dropped=True)
        self.receive(udp4(1, 2))
        self.assertEqual({prefix: entry["packets"] for prefix, entry in self.denied().items()},
                         {"10.9.0.0/16": 2, "10.9.8.7/32": 0})
        purged = self.deny("purge")["purged"]
        self.assertEqual([entry["prefix"] for entry in purged], ["10.9.8.7/32"])
        self.assertEqual(list(self.denied()), ["10.9.0.0/16"])
        self.assertEqual(self.deny("purge")["purged"], [])

    def test_adding_again_sets_the_time_anew_and_keeps_the_counts(self):
        self.guard()
        self.deny("add", "fd09::/16", "--for", "10m")
        self.receive(udp6(1, 2, source="fd09::1"), dropped=True)
        self.receive(udp6(1, 2))
        remaining = self.denied()["fd09::/16"]["remaining-seconds"]
        self.assertTrue(500 < remaining <= 600, remaining)
        self.assertEqual(self.deny("add", "fd09::/16", "--for", "2h")["renewed"], ["fd09::/16"])
        entry = self.denied()["fd09::/16"]
        self.assertTrue(7000 < entry["remaining-seconds"] <= 7200, entry)
        self.assertEqual(entry["packets"], 1)

    def test_prefixes_come_from_standard_input_too(self):
        self.guard()
        names = [f"10.{20 + i // 250}.{i % 250}.0/24" for i in range(3000)]
        lines = self.folder / "bad.txt"
        lines.write_text("# a feed\n" + "\n".join(f"{name}  # seen today" for name in names) + "\n\n")
        with open(lines) as file:
            self.assertEqual(len(self.deny("add", "-", stdin=file)["added"]), 3000)
        self.assertEqual(sorted(self.denied()), sorted(names))
        self.receive(udp4(1, 2, source="10.31.249.3"), dropped=True)
        self.receive(udp4(1, 2, source="172.16.0.1"))
        self.assertEqual(self.denied()["10.31.249.0/24"]["packets"], 1)

    def test_of_an_empty_list_nothing_is_said_to_be_denied(self):
        self.guard()
        for action in ("add", "remove"):
            result = self.dynmon("deny", "edge", action, "-")
            self.assertEqual(result.out, "there was no prefix on standard input\n")
        self.assertEqual(self.denied(), {})

    def test_for_people_it_is_a_table(self):
        self.guard()
        run = lambda *words: self.dynmon("deny", "edge", *words).out
        self.assertEqual(run("list"), "nothing is denied\n")
        self.assertEqual(run("add", "10.8.0.0/13", "fd00::9", "--source", "noc", "--reason", "ticket 42"),
                         "edge denies 10.8.0.0/13 fd00::9/128 for ever\n")
        self.assertRegex(run("add", "10.9.0.0/16", "--for", "2d", "--dry-run"),
                         r"^edge would deny 10.9.0.0/16 until 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$")
        head, wide, narrow, six = run("list").splitlines()
        self.assertEqual(head.split(), ["id", "prefix", "action", "remaining", "packets", "bytes", "source",
                                        "reason"])
        self.assertEqual(wide.split(), ["1", "10.8.0.0/13", "drop", "for", "ever", "0", "0", "noc",
                                        "ticket", "42"])
        self.assertRegex(narrow, r"^ *3  10.9.0.0/16 +dry-run +(2d0h|1d23h) +0 +0  user \S+ +not given$")
        self.assertEqual(six.split()[:2], ["2", "fd00::9/128"])
        self.assertEqual(run("remove", "1"), "edge no longer denies 10.8.0.0/13\n")
        self.assertEqual(run("purge"), "nothing has expired\n")

    def test_what_is_no_prefix_is_refused_and_nothing_is_written(self):
        self.guard()
        for text, says in (("10.1.2.3/8", "did you mean 10.0.0.0/8?"),
                           ("fd00::1/64", "did you mean fd00::/64?"),
                           ("10.0.0.0/33", "length from 0 to 32"), ("fd00::/129", "from 0 to 128"),
                           ("10.0.0.0/08", "length"), ("10.0.0.0/", "length"),
                           ("10.0.0/8", "no address"), ("010.0.0.0/8", "no address"),
                           ("example.org", "no address"), ("", "no address"),
                           ("::ffff:10.0.0.1", "IPv4 in the form of IPv6")):
            with self.subTest(text):
                error = self.refused(harness.USAGE, "deny", "edge", "add", "172.16.0.0/12", text)
                self.assertIn(says, error["message"] + error.get("hint", ""))
                self.assertEqual(self.denied(), {})

    def test_other_mistakes_say_what_to_do(self):
        self.guard()
        self.deny("add", "10.8.0.0/13", "172.16.0.0/12")
        for words, says in ((("add",), "say which prefix"), (("list", "10.0.0.0/8"), "takes no"),
                            (("add", "1.1.1.1", "--for", "0s"), "longer than 0"),
                            (("add", "1.1.1.1", "--for", "soon"), "not a duration"),
                            (("remove", "1.1.1.1", "--for", "1s"), "--for is for add"),
                            (("remove", "172.16.0.0/12", "10.9.0.0/16"), "it lies in 10.8.0.0/13"),
                            (("remove", "7"), "no entry 7"), (("purge", "--force"), "--force is for add"),
                            (("forbid", "1.1.1.1"), "add")):
            with self.subTest(words):
                error = self.refused(harness.USAGE, "deny", "edge", *words)
                self.assertIn(says, error["message"] + error.get("hint", ""))
        self.assertEqual(sorted(self.denied()), ["10.8.0.0/13", "172.16.0.0/12"])
        self.assertIn("no monitor 'egde'", self.refused(harness.FAILED, "deny", "egde", "list")["message"])
        self.load("pk", "packets")
        self.assertIn("has no deny list",
                      self.refused(harness.USAGE, "deny", "pk", "list")["message"])
        self.load("nets", "prefixes")  # tries, but not of this shape
        self.assertIn("has no deny list",
                      self.refused(harness.USAGE, "deny", "nets", "list")["message"])

    def add_lines(self, *lines, **options):
        file = self.folder / "lines.txt"
        file.write_text("\n".join(lines) + "\n")
        with open(file) as stdin:
            return self.deny("add", "-", *options.pop("words", ()), stdin=stdin, **options)

    def test_a_full_list_takes_all_or_nothing(self):
        self.guard("--set", "deny_max=1000")
        self.add_lines(*(f"10.{128 + (i >> 8)}.{i & 255}.0/24" for i in range(998)))
        before = self.denied()
        error = self.refused(harness.FAILED, "deny", "edge", "add", "172.16.0.0/12", "10.128.0.0/24",
                             "172.32.0.0/12", "172.48.0.0/12", "2001:db8::/32", "172.48.0.0/12")
        self.assertIn("deny list 'DENY_IPV4' is full: 998 of 1000 places are taken, 2 of the 3 new "
                      "prefixes would fit; nothing was added", error["message"])
        self.assertIn("purge", error["hint"])
        self.assertEqual(self.denied(), before)
        self.receive(udp6(1, 2, source="2001:db8::1"), udp4(1, 2, source="172.16.0.1"))
        self.deny("add", "172.16.0.0/12", "172.32.0.0/12", "2001:db8::/32")
        self.assertEqual(len(self.denied()), 1001)
        # What is there already needs no place.
        self.assertEqual(self.deny("add", "172.16.0.0/12", "--for", "1h")["renewed"], ["172.16.0.0/12"])

    def test_an_allowed_address_is_never_dropped(self):
        self.guard()
        self.deny("add", "10.9.8.7", "fd09::7")
        self.deny("add", "10.9.0.0/16", "fd09::/16", verb="allow")
        self.receive(udp4(1, 2, source="10.9.8.7"), udp6(1, 2, source="fd09::7"))
        self.assertEqual({entry["packets"] for entry in self.denied().values()}, {0})
        self.assertEqual([(entry["action"], entry["packets"]) for entry in self.denied("allow").values()],
                         [("allow", 1), ("allow", 1)])
        self.assertEqual(self.traffic_of("OTHER")["OTHER"]["allowed"], 2)
        self.deny("remove", "10.9.0.0/16", verb="allow")
        self.receive(udp4(1, 2, source="10.9.8.7"), dropped=True)
        self.receive(udp6(1, 2, source="fd09::7"))
        self.assertEqual(self.denied()["10.9.8.7/32"]["packets"], 1)

    def test_a_dry_run_counts_and_drops_nothing(self):
        self.guard()
        self.assertTrue(self.deny("add", "10.9.0.0/16", "--dry-run")["dry-run"])
        bad = udp4(1, 2, source="10.9.0.1")
        self.receive(bad)
        entry = self.denied()["10.9.0.0/16"]
        self.assertEqual((entry["action"], entry["packets"], entry["bytes"]), ("dry-run", 1, 28))
        self.assertEqual(self.traffic_of("OTHER")["OTHER"]["would_drop"], 1)
        self.deny("add", "10.9.0.0/16")  # from now on it does
        self.receive(bad, dropped=True)
        self.receive(udp4(1, 2))
        again = self.denied()["10.9.0.0/16"]
        self.assertEqual((again["action"], again["packets"], again["id"]), ("drop", 2, entry["id"]))

    def test_every_entry_has_a_reason_a_source_and_a_number(self):
        self.guard()
        self.add_lines("10.9.0.0/16 # Spam\u00dfer", "10.10.0.0/16", "fd09::/16 # " + "x" * 80,
                       words=("--source", "feed", "--reason", "of a list"))
        self.deny("add", "10.11.0.0/16", verb="allow")
        found = self.denied()
        self.assertEqual([(entry["id"], entry["source"], entry["reason"]) for entry in found.values()],
                         [(1, "feed", "Spam\u00dfer"), (2, "feed", "of a list"), (3, "feed", "x" * 63)])
        allowed = self.denied("allow")["10.11.0.0/16"]
        self.assertEqual((allowed["id"], allowed["reason"]), (4, "not given"))
        self.assertRegex(allowed["source"], r"^(user|uid) \S+$")
        self.deny("remove", "3")
        self.deny("add", "10.12.0.0/16")
        self.assertEqual({prefix: entry["id"] for prefix, entry in self.denied().items()},
                         {"10.9.0.0/16": 1, "10.10.0.0/16": 2, "10.12.0.0/16": 5})
        # A new time leaves the reason as it is.
        self.deny("add", "10.9.0.0/16", "--for", "1h")
        self.assertEqual(self.denied()["10.9.0.0/16"]["reason"], "Spam\u00dfer")

    def test_what_would_cut_oneself_off_needs_force(self):
        self.guard()
        self.blue.ip("route", "add", "172.20.0.0/16", "via", "10.0.0.77", "dev", "blue0")
        with self.blue.inside():
            self.blue.set("ipv6/conf/blue0/disable_ipv6", 0)  # brings an address of fe80::/10
        self.blue.ip("addr", "add", "fd00::2/64", "dev", "blue0", "nodad")
        for prefix, why in (("0.0.0.0/0", "the whole of IPv4"), ("::/0", "the whole of IPv6"),
                            ("10.0.0.2", "an address of blue0"), ("10.0.0.0/8", "an address of blue0"),
                            ("fd00::/8", "an address of blue0"), ("fe80::/10", "an address of"),
                            ("10.0.0.77", "a gateway of blue0")):
            with self.subTest(prefix):
                error = self.refused(harness.REJECTED, "deny", "edge", "add", "10.9.0.0/16", prefix)
                self.assertIn(why, error["message"])
                self.assertIn("--force", error["hint"])
                self.assertEqual(self.denied(), {})
        self.deny("add", "10.0.0.0/8", "--dry-run")  # drops no packet
        self.deny("add", "0.0.0.0/0", "--force")
        self.receive(udp4(1, 2), dropped=True)
        self.receive(udp6(1, 2))
        self.deny("add", "0.0.0.0/0", verb="allow")

    def test_lengths_that_a_killed_writer_did_not_write_are_written_by_the_next(self):
        self.guard()
        self.deny("add", "10.9.0.0/16")
        pins = STORE / "monitors" / "edge" / "g1"
        kernel.update(pins / "DENY_IPV4_lengths", bytes(4), bytes(48))
        self.deny("add", "10.10.0.0/16")
        self.receive(udp4(1, 2, source="10.9.0.1"), udp4(1, 2, source="10.10.0.1"), dropped=True)
        self.receive(udp4(1, 2))

    def test_the_list_lives_on_over_a_replacement_that_keeps_the_maps(self):
        self.guard()
        self.deny("add", "10.9.0.0/16")
        bad = udp4(1, 2, source="10.9.0.1")
        self.replace("edge", "ssdp", "--keep-maps")
        self.receive(bad, dropped=True)
        self.receive(udp4(1, 2))
        self.assertEqual(self.denied()["10.9.0.0/16"]["packets"], 1)
        self.replace("edge", "ssdp")
        self.assertEqual(self.denied(), {})
        self.receive(bad)

    def test_what_was_dropped_is_exported_by_prefix(self):
        self.guard()
        self.deny("add", "10.9.0.0/16", "fd09::/16")
        self.receive(udp4(1, 2, source="10.9.0.1"), udp6(1, 2, source="fd09::1"), dropped=True)
        self.receive(udp4(1900, 2, RESPONSE), udp6(1, 2))
        lines = self.dynmon("read", "edge", "--format", "openmetrics").out.splitlines()
        monitor = 'monitor="edge",device="blue0"'
        for line in ('dynmon_ssdp_denied_ipv4_total{%s,prefix="10.9.0.0/16",%s} 1',
                     'dynmon_ssdp_denied_ipv6_bytes_total{%s,prefix="fd09::/16",%s} 48',
                     'dynmon_ssdp_dropped_total{%s,kind="DENIED",%s} 2',
                     'dynmon_ssdp_passed_total{%s,kind="SSDP_RESPONSE",%s} 1',
                     'dynmon_ssdp_events_total{%s,kind="SSDP_RESPONSE",%s} 1',
                     'dynmon_ssdp_events_lost_total{%s,kind="SSDP_RESPONSE",%s} 0'):
            self.assertIn(line % (monitor, 'direction="ingress"'), lines)


class DenyOnXdpTest(DenyTest):
    HOOK = ("--hook", "xdp")


class DenyAnywhereTest(SsdpCase):
    """What is the same under TC and XDP."""

    def test_a_feed_may_not_take_all_memory(self):
        self.guard()
        lines = self.folder / "endless.txt"
        for text, fault in (("10.0.0.1\n" + "x" * 5000, "line 2: longer than 4096 bytes"),
                            ("10.0.0.1\n" * (2 ** 20 + 1), "more than 1048576 prefixes")):
            lines.write_text(text)
            with open(lines) as file:
                refused = self.dynmon("deny", "edge", "add", "-", stdin=file, code=harness.USAGE)
            self.assertIn(fault, refused.err)
        self.assertEqual(self.denied(), {})

    def test_what_a_killed_writer_wrote_keeps_its_number_and_the_next_gets_another(self):
        self.guard()
        numbers = {}
        for verb, prefix in (("deny", "10.9.0.0/16"), ("deny", "fd09::/16"), ("allow", "10.9.8.7"),
                             ("deny", "10.10.0.0/16"), ("allow", "fd09::7")):
            for family in ("IPV4", "IPV6"):  # as before the first sync()
                for name in ("DENY", "ALLOW"):
                    kernel.update(STORE / "monitors" / "edge" / "g1" / f"{name}_{family}_lengths",
                                  bytes(4), bytes(48))
            self.deny("add", prefix, verb=verb)
            numbers[prefix] = self.denied(verb)[str(ipaddress.ip_network(prefix))]["id"]
        self.assertEqual(list(numbers.values()), [1, 2, 3, 4, 5])

    def test_a_gateway_that_only_a_next_hop_object_names_needs_force(self):
        self.guard()
        with self.blue.inside():
            self.blue.set("ipv4/nexthop_compat_mode", 0)  # routes show the id alone
            self.blue.set("ipv6/conf/blue0/disable_ipv6", 0)
        self.blue.ip("addr", "add", "fd00::2/64", "dev", "blue0", "nodad")
        for number, gateway in ((1, "10.0.0.71"), (2, "10.0.0.72"), (3, "10.0.0.73"),
                                (4, "fd00::74"), (5, "10.0.0.75")):
            self.blue.ip("nexthop", "add", "id", str(number), "via", gateway, "dev", "blue0")
        self.blue.ip("nexthop", "add", "id", "9", "group", "2/3")
        for prefix, number in (("172.21.0.0/16", 1), ("172.22.0.0/16", 9), ("fd01::/64", 4)):
            self.blue.ip("route", "add", prefix, "nhid", str(number))
        self.assertNotIn("via", self.blue.ip("route", "show", "172.21.0.0/16"))
        for address in ("10.0.0.71", "10.0.0.72", "10.0.0.73", "fd00::74"):
            error = self.refused(harness.REJECTED, "deny", "edge", "add", address)
            self.assertIn(f"has {address} in it, a gateway of blue0", error["message"])
        self.deny("add", "10.0.0.75")  # no route leads there


class EventsTest(SsdpCase):
    def test_ssdp_and_answers_of_amplifiers_are_told_of(self):
        self.guard()
        self.receive(udp4(40000, 1900, SEARCH, to="239.255.255.250"),
                     udp4(1900, 1900, NOTIFY, to="239.255.255.250"),
                     udp6(1900, 40000, RESPONSE), udp4(1900, 40000, b"what?", vlan=9),
                     udp4(11211, 40000, bytes(1400)), udp4(5000, 6000, SEARCH))
        events = self.events(5)
        self.assertEqual([(event["kind"], event["saddr"], event["sport"], event["dport"],
                           event["length"], event["ip_version"], event["vlan"])
                          for event in events],
                         [("SSDP_SEARCH", "10.0.0.1", 40000, 1900, 28 + len(SEARCH), 4, 0),
                          ("SSDP_NOTIFY", "10.0.0.1", 1900, 1900, 28 + len(NOTIFY), 4, 0),
                          ("SSDP_RESPONSE", "fd00::1", 1900, 40000, 48 + len(RESPONSE), 6, 0),
                          ("SSDP_OTHER", "10.0.0.1", 1900, 40000, 33, 4, 9),
                          ("MEMCACHED", "10.0.0.1", 11211, 40000, 1428, 4, 0)])
        self.assertEqual({(event["ttl"], event["packets"], event["ifindex"])
                          for event in events}, {(64, 1, "blue0")})
        self.assertEqual(self.traffic_of("OTHER")["OTHER"]["passed"], 1)

    def test_a_flood_is_counted_whole_and_told_of_up_to_the_limit(self):
        self.guard("--set", "events_per_second=50")
        flood = [udp4(1900, 40000, RESPONSE)] * 1000
        before = time.time()
        self.receive(*flood)
        seconds = int(time.time()) - int(before) + 2  # the clocks differ a little
        row = self.traffic_of()["SSDP_RESPONSE"]
        self.assertEqual(row["passed"], 1000)
        self.assertEqual(row["events"] + row.get("suppressed", 0), 1000)
        self.assertTrue(50 <= row["events"] <= 50 * seconds, row)
        self.assertEqual(len(self.events(row["events"])), row["events"])

    def test_what_finds_no_room_is_counted_as_lost(self):
        self.guard("--set", "events_per_second=0")
        self.receive(*[udp4(1900, 40000, RESPONSE)] * 5000)  # no process reads them
        row = self.traffic_of()["SSDP_RESPONSE"]
        self.assertEqual(row["events"] + row["lost"], 5000)
        self.assertEqual(len(self.events(row["events"])), row["events"])

    def test_sample_and_length_choose_what_is_told_of_and_not_what_is_counted(self):
        self.guard("--set", "sample=4", "--set", "min_length=100", "--set", "events_per_second=0")
        self.receive(*[udp4(19, 40000, bytes(72))] * 800, *[udp4(161, 40000, bytes(71))] * 10)
        found = self.traffic_of()
        self.assertEqual(found["SNMP"], {"passed": 10, "bytes": 990, "skipped": 10})
        self.assertEqual(found["CHARGEN"]["passed"], 800)
        self.assertEqual(found["CHARGEN"]["events"] + found["CHARGEN"]["skipped"], 800)
        self.assertTrue(100 < found["CHARGEN"]["events"] < 320, found)

    def test_ports_can_be_watched_and_ignored_while_it_runs(self):
        self.guard()
        ports = STORE / "monitors" / "edge" / "g1" / "PORTS"
        kernel.update(ports, struct.pack("!H", 9999), struct.pack("<I", 1))
        kernel.update(ports, struct.pack("!H", 11211), struct.pack("<I", 0))
        self.receive(udp4(9999, 1, bytes(40)), udp4(11211, 1, bytes(40)))
        self.assertEqual({kind: row["passed"] for kind, row in self.traffic_of().items()},
                         {"WATCHED": 1, "OTHER": 1})
        self.assertEqual([event["kind"] for event in self.events(1)], ["WATCHED"])
        rows = json.loads(self.dynmon("dump", "edge/PORTS", "--format", "json", "--value-only").out)
        self.assertEqual(sorted((row["key"], row["value"]) for row in rows),
                         [(9999, "WATCH"), (11211, "IGNORE")])


if __name__ == "__main__":
    harness.main()
