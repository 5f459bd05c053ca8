#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`import`: documents of Dynmon become probes that load under TC and XDP and read what Polycube
would have shown; what cannot is refused with its place."""
import json

import frames
import harness

COUNTER = """
BPF_ARRAY(PKT_COUNTER, uint64_t, 1);
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {
    unsigned int key = 0;
    uint64_t *counter = PKT_COUNTER.lookup(&key);
    if (!counter)
        return RX_OK;
    *counter += 1;
    pcn_log(ctx, LOG_TRACE, "counter: %d", *counter);
    return RX_OK;
}
"""


def metric(name, map_name, **options):
    return {"name": name, "map-name": map_name, **options}


class ImportCase(harness.Case):
    def document(self, document, name="document.json"):
        path = self.folder / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def imported(self, document, *options, name="probe"):
        """The folder of the probe, and what the command printed."""
        folder = self.folder / name
        made = self.dynmon("--json", "import", self.document(document), "--out", folder,
                           *options).json()
        self.dynmon("check", "--kernel", folder)
        return folder, made

    def polycube(self, name, *options):
        """What Polycube would have shown: {direction: {metric: value}}."""
        document = json.loads(self.dynmon("read", name, "--format", "dynmon", *options).out)
        return {direction: {item["name"]: item["value"] for item in metrics}
                for direction, metrics in document.items() if direction.endswith("-metrics")}


class CounterTest(ImportCase):
    def test_a_counter_counts_packets_under_tc_and_xdp(self):
        folder, made = self.imported({"ingress-path": {
            "name": "counter", "code": COUNTER,
            "metric-configs": [metric("packets_total", "PKT_COUNTER")]}, "egress-path": {}})
        self.assertTrue(made["xdp"])
        for hook in ("tc", "xdp"):
            with self.subTest(hook):
                self.load("p", folder, "--hook", hook, *(["--mode", "generic"] if hook == "xdp" else []))
                self.receive(*[frames.plain(60)] * 7)
                self.assertEqual(self.polycube("p")["ingress-metrics"], {"packets_total": [7]})
                self.dynmon("unload", "p")


if __name__ == "__main__":
    harness.main()
