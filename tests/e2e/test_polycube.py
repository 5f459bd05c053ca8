#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""dynmon-serve --role polycube: the requests of Polycube's clients, in their order, on documents
that were imported, with the answers that those clients read."""
import json
import signal
import urllib.parse

import frames
import harness
from documents import COUNTER, HANDLER, HEADERS, IPV4, both, metric, path
from served import Server
from test_import import ImportCase

CUBE = "/polycube/v1/dynmon/c"
COUNT = both(path(COUNTER, metric("packets total", "C")))
# Sessions by address, swapped and emptied by each look; their own packed key.
SESSIONS = both(path(HEADERS + """
struct key { __be32 saddr; __be32 daddr; } __attribute__((packed));
BPF_TABLE("hash", struct key, uint64_t, SESSIONS, 64);
""" + HANDLER + IPV4 + """
    struct key k = {ip->saddr, ip->daddr};
    uint64_t zero = 0, *n = SESSIONS.lookup_or_try_init(&k, &zero);
    if (n)
        *n += 1;
    return RX_OK;
}
""", metric("SESSIONS", **{"extraction-options": {"swap-on-read": True, "empty-on-read": True}})))


def udp(dport=2):
    return frames.ipv4(frames.udp(1, dport, b"z" * 72), frames.UDP)


class PolycubeCase(ImportCase):
    def serve(self, places=("probes",), options=(), **popen):
        """In the namespace of blue0: a port of a cube is a name of an interface there."""
        with self.blue.inside():
            return Server(self, "--role", "polycube", "--cubes", self.folder / "cubes",
                          *options, environment={"DYNMON_PROBE_PATH": ":".join(
                              str(self.folder / place) for place in places)}, **popen)

    def import_as(self, name, document, *options):
        (self.folder / "probes").mkdir(exist_ok=True)
        self.dynmon("import", self.document(document, f"{name}.json"), "--out",
                    self.folder / "probes" / name, *options)

    def attached(self, document, probe="imported"):
        """A server with the cube `c` of the document on blue0."""
        self.import_as(probe, document)
        server = self.serve()
        server.ask("POST", CUBE, {"dataplane-config": document, "type": "TC", "loglevel": "OFF"},
                   status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "blue0", "position": "last"})
        return server

    def parent(self, server):
        return server.get(CUBE).json()["parent"]


class InjectorTest(PolycubeCase):
    def test_a_cube_is_made_then_attached_then_changed(self):
        """As dynmon_injector.py 1.2 does it, for a cube that is not there and one that is."""
        self.import_as("counter", COUNT)
        self.import_as("sessions", SESSIONS)
        server = self.serve()
        server.ask("GET", CUBE, status=404)
        made = server.ask("POST", CUBE, {"dataplane-config": COUNT, "type": "TC", "loglevel": "OFF"},
                          status=201)
        self.assertEqual(made.body, b"")
        self.assertEqual(self.parent(server), "")
        self.assertEqual(server.ask("POST", "/polycube/v1/attach",
                                    {"cube": "c", "port": "blue0", "position": "last"}).body, b"")
        self.assertEqual(self.parent(server), "blue0")
        self.receive(*[udp()] * 3)
        self.assertEqual(server.get(CUBE + "/metrics//").json()["ingress-metrics"][0]["value"], [3])
        server.ask("PUT", CUBE + "/dataplane-config", SESSIONS, status=201)
        self.receive(*[udp()] * 2)
        value = server.get(CUBE + "/metrics//").json()["ingress-metrics"][0]["value"]
        self.assertEqual([entry["value"] for entry in value], [2])
        server.ask("POST", "/polycube/v1/detach", {"cube": "c", "port": "blue0"})
        self.assertEqual(self.parent(server), "")
        server.ask("DELETE", CUBE, status=204)
        server.ask("GET", CUBE, status=404)
        self.assertEqual(self.dynmon("--json", "status").json()["monitors"], [])

    def test_put_makes_a_cube_too(self):
        """As dynmon_injector.py 1.0 and the LCP of ASTRID do, with a flat document."""
        flat = {"name": "flat", "code": COUNTER, "metrics": [metric("packets total", "C")]}
        self.import_as("flat", flat)
        server = self.serve()
        server.get("/polycube/v1")
        server.ask("PUT", CUBE, {"dataplane": flat}, status=201)
        server.ask("PUT", CUBE, {"dataplane": flat}, status=409)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "blue0"})
        self.receive(*[udp()] * 2)
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [2])
        server.ask("PUT", CUBE + "/dataplane", flat, status=201)
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [0])

    def test_a_document_that_nobody_imported_is_refused_and_the_running_one_goes_on(self):
        server = self.attached(COUNT)
        self.receive(*[udp()] * 2)
        error = server.ask("PUT", CUBE + "/dataplane-config", SESSIONS, status=422)
        self.assertIn("dynmon-load import", error.text)
        for broken in ({"ingress-path": {"name": "x"}}, "{", "[]"):
            server.ask("PUT", CUBE + "/dataplane-config", broken, status=400)
        self.receive(udp())
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [3])
        self.assertEqual(server.get(CUBE + "/dataplane-config/ingress-path/code").json(), COUNTER)

    def test_a_probe_behind_another_of_its_name_is_not_taken_for_it(self):
        """The first of a name is what the name leads to."""
        self.import_as("twice", SESSIONS)
        (self.folder / "second").mkdir()
        self.dynmon("import", self.document(COUNT, "twice.json"), "--out",
                    self.folder / "second" / "twice")
        server = self.serve(places=["probes", "second"])
        server.ask("POST", CUBE, {"dataplane-config": COUNT}, status=422)
        server.ask("POST", CUBE, {"dataplane-config": SESSIONS}, status=201)

    def test_what_cannot_be_attached_says_why_and_leaves_nothing(self):
        server = self.attached(COUNT)
        for body, reason in (({"port": "blue0"}, "Cube is missing"), ({"cube": "c"}, "Port is missing"),
                             ({"cube": "c", "port": "blue0"}, "is attached to blue0")):
            with self.subTest(reason):
                answer = server.ask("POST", "/polycube/v1/attach", body, status=400)
                self.assertIn(reason, answer.text)
        server.ask("POST", "/polycube/v1/dynmon/d", {"dataplane-config": COUNT}, status=201)
        answer = server.ask("POST", "/polycube/v1/attach", {"cube": "d", "port": "none0"}, status=400)
        self.assertIn("none0", answer.text)
        self.assertEqual(server.get("/polycube/v1/dynmon/d").json()["parent"], "")
        self.assertEqual([monitor["name"] for monitor in self.dynmon("--json", "status").json()["monitors"]],
                         ["c"])

    def test_a_killed_change_leaves_the_old_document_or_the_new_one(self):
        """PUTs that are cut off by SIGKILL: what runs is what the cube says."""
        self.import_as("sessions", SESSIONS)
        server = self.attached(COUNT)
        for number in range(6):
            document = SESSIONS if number % 2 == 0 else COUNT
            connection = server.connection()
            connection.request("PUT", CUBE + "/dataplane-config", json.dumps(document))
            if number % 3:
                self.eventually(lambda: "next\":\"{" in self.stored(), "the change is written down")
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(10)
            connection.close()
            self.dynmon("recover")
            server = self.serve()
            code = server.get(CUBE + "/dataplane-config/ingress-path/code").json()
            metrics = server.get(CUBE + "/metrics").json()["ingress-metrics"]
            self.assertEqual([item["name"] for item in metrics],
                             ["packets total" if code == COUNTER else "SESSIONS"])

    def stored(self):
        return (self.folder / "cubes" / "c.json").read_text()


class ExtractorTest(PolycubeCase):
    def test_shapes_of_metrics(self):
        """As dynmon_extractor.py asks: all, one direction, one metric's value."""
        server = self.attached(COUNT)
        self.receive(*[udp()] * 4)
        whole = server.get(CUBE + "/metrics//").json()
        self.assertEqual(set(whole), {"ingress-metrics", "egress-metrics", "_links"})
        one = whole["ingress-metrics"][0]
        self.assertEqual((one["name"], one["value"]), ("packets total", [4]))
        self.assertIsInstance(one["timestamp"], int)
        self.assertEqual(whole["egress-metrics"], [])
        direction = server.get(CUBE + "/metrics/ingress-metrics/").json()
        self.assertEqual([item["name"] for item in direction[:-1]], ["packets total"])
        self.assertEqual(direction[-1][0], "_links")
        name = urllib.parse.quote("packets total")
        self.assertEqual(server.get(f"{CUBE}/metrics/ingress-metrics/{name}/value").text, "[4]")
        self.assertEqual(server.get(f"{CUBE}/metrics/ingress-metrics/{name}").json()["value"], [4])
        server.ask("GET", f"{CUBE}/metrics/ingress-metrics/none/value", status=404)
        server.ask("GET", f"{CUBE}/metrics/other-metrics", status=404)

    def test_a_look_at_metrics_takes_what_the_document_empties_and_a_look_at_the_cube_does_not(self):
        server = self.attached(SESSIONS)
        self.receive(*[udp()] * 5)
        for _ in range(2):
            server.get(CUBE)
            server.ask("HEAD", CUBE + "/metrics")
        server.ask("GET", CUBE + "/metrics/ingress-metrics/SESSIONS/none", status=404)
        (entry,) = server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"]
        # Integers of the bytes as they stand in memory, as Polycube had them.
        self.assertEqual(entry, {"key": {"saddr": 0x0100000a, "daddr": 0x0200000a}, "value": 5})
        self.assertIsNone(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"])

    def test_open_metrics_are_totals_of_what_has_metadata(self):
        described = metric("packets_total", "C", **{"open-metrics-metadata": {
            "help": "Packets.", "type": "Counter", "labels": [{"name": "site", "value": "a"}]}})
        server = self.attached(both(path(COUNTER, described)))
        self.receive(*[udp()] * 3)
        for _ in range(2):
            answer = server.get(CUBE + "/open-metrics")
            (line,) = [line for line in answer.text.splitlines()
                       if line.startswith("packets_total{")]
            self.assertIn('site="a"', line)
            self.assertEqual(line.split()[-1], "3")

    def test_a_cube_that_is_nowhere_has_counted_nothing(self):
        self.import_as("counter", COUNT)
        server = self.serve()
        server.ask("POST", CUBE, {"dataplane-config": COUNT}, status=201)
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"], [])


class ServiceTest(PolycubeCase):
    def test_the_echo_is_the_document(self):
        server = self.attached(SESSIONS)
        echo = server.get(CUBE + "/dataplane-config").json()["ingress-path"]
        wanted = SESSIONS["ingress-path"]
        self.assertEqual((echo["name"], echo["code"]), (wanted["name"], wanted["code"]))
        self.assertEqual(echo["metric-configs"], wanted["metric-configs"])
        options = CUBE + "/dataplane-config/ingress-path/metric-configs/SESSIONS/extraction-options"
        self.assertEqual(server.get(options).json(), {"swap-on-read": True, "empty-on-read": True})
        server.ask("GET", CUBE + "/dataplane-config/egress-path", status=404)

    def test_a_cubes_name_leads_to_it(self):
        server = self.attached(COUNT)
        answer = server.ask("GET", "/polycube/v1/c/metrics/ingress-metrics/packets%20total/value",
                            status=308)
        self.assertEqual(answer.headers["Location"],
                         CUBE + "/metrics/ingress-metrics/packets%20total/value")
        self.assertEqual([cube["name"] for cube in server.get("/polycube/v1/dynmon").json()[:-1]], ["c"])
        server.ask("GET", "/polycube/v1/other", status=404)

    def test_a_document_taken_away_leaves_the_cube(self):
        server = self.attached(COUNT)
        server.ask("DELETE", CUBE + "/dataplane-config", status=204)
        self.assertEqual(self.dynmon("--json", "status").json()["monitors"], [])
        self.assertEqual(self.parent(server), "blue0")
        server.ask("PUT", CUBE + "/dataplane-config", COUNT, status=201)
        self.receive(udp())
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [1])

    def test_one_path_is_put_and_taken_away_alone(self):
        one, other = path(COUNTER, metric("in", "C")), path(COUNTER, metric("out", "C"))
        self.import_as("egress", both({}, other))
        self.import_as("both", both(one, other))
        server = self.attached(both(one))
        values = lambda: [[entry["value"] for entry in server.get(CUBE + "/metrics").json()[f"{way}-metrics"]]
                          for way in ("ingress", "egress")]
        where = CUBE + "/dataplane-config/"
        server.ask("PUT", where + "egress-path", other, status=201)
        self.receive(*[udp()] * 2)
        self.transmit(*[udp()] * 3)
        self.assertEqual(values(), [[[2]], [[3]]])
        server.ask("PUT", where + "egress-path", path(HANDLER + "return RX_OK; }"), status=422)
        server.ask("PUT", where + "egress-path", "{", status=400)
        server.ask("PUT", where + "ingress-path/code", "\"\"", status=405)
        server.ask("DELETE", where + "ingress-path", status=204)
        self.transmit(udp())
        self.assertEqual(values(), [[], [[1]]])
        server.ask("DELETE", where + "ingress-path", status=404)
        server.ask("DELETE", where + "egress-path", status=204)
        self.assertEqual(self.dynmon("--json", "status").json()["monitors"], [])
        self.assertEqual(server.get(where[:-1]).json()["_links"][0]["href"], where[:-1])

    def test_nothing_else_is_served(self):
        """PROMISES:
        V-6 The role `polycube` serves `/polycube/v1` and nothing else"""
        server = self.serve()
        server.get("/-/healthy")
        for target in ("/metrics", "/api/v1/status"):
            server.refused(404, "GET", target)
        server.ask("PATCH", CUBE, status=None)
        read = Server(self)
        read.refused(404, "GET", "/polycube/v1/dynmon/c")


class FirewallTest(PolycubeCase):
    """As TOSHI's firewall_injector and firewall_updater ask."""
    RULES = "/polycube/v1/firewall/fw/chain/INGRESS"

    def firewall(self):
        server = self.serve()
        server.ask("GET", "/polycube/v1/firewall/fw", status=404)
        server.ask("POST", "/polycube/v1/firewall/fw", {"type": "TC", "loglevel": "OFF"}, status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "fw", "port": "blue0", "position": "first"})
        self.assertEqual(server.get("/polycube/v1/firewall/fw").json()["parent"], "blue0")
        return server

    def batch(self, server, *rules, status=200):
        return server.ask("POST", self.RULES + "/batch", {"rules": list(rules)}, status=status)

    def rules(self, server):
        listed = server.get(self.RULES + "/rule").json()
        self.assertEqual(listed[-1][0], "_links")
        return [(rule["src"], rule["action"]) for rule in listed[:-1]]

    def test_a_rule_drops_until_it_is_deleted(self):
        server = self.firewall()
        rule = {"operation": "append", "src": "10.0.0.1/32", "action": "drop"}
        self.batch(server, rule)
        self.assertEqual(self.rules(server), [("10.0.0.1/32", "drop")])
        self.receive(*[udp()] * 3, dropped=True)
        self.assertEqual([entry["packets"] for entry in self.dynmon(
            "--json", "deny", "fw", "list").json()["entries"]], [3])
        self.batch(server, {**rule, "operation": "delete"})
        self.assertEqual(self.rules(server), [])

    def test_a_batch_is_taken_whole_or_not_at_all(self):
        server = self.firewall()
        good = {"operation": "insert", "src": "198.51.100.0/24", "action": "drop"}
        for number, (field, bad) in enumerate((
                ("l4proto", {**good, "l4proto": "TCP"}), ("id", {"operation": "delete", "id": 0}),
                ("src", {**good, "src": "300.1.1.1"}), ("operation", {**good, "operation": "update"}),
                ("action", {**good, "action": "mirror"}))):
            with self.subTest(field):
                answer = self.batch(server, good, bad, status=400)
                self.assertIn(f"/rules/1/{field}", answer.text)
                self.assertEqual(self.rules(server), [], number)
        self.batch(server, good, {"operation": "delete", "src": "192.0.2.1/32"}, status=400)
        own = {**good, "src": "10.0.0.2/32"}  # the address of blue0
        self.batch(server, {**good, "action": "forward"}, own, status=400)
        self.assertEqual(self.rules(server), [])
        server.ask("POST", "/polycube/v1/firewall/fw/chain/EGRESS/batch", {"rules": [good]}, status=400)
        self.assertEqual(len(server.get("/polycube/v1/firewall/fw/chain/EGRESS/rule").json()), 1)


if __name__ == "__main__":
    harness.main()
