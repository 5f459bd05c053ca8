#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`import`: documents of Dynmon become probes that load under TC and XDP and read what Polycube
would have shown; what cannot is refused with its place. Each with the oldest clang and the newest."""
import json
import os
import shutil
import socket
import struct
import time

import frames
import harness
import published

HANDLER = "static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md) {\n"
COUNTER = "BPF_ARRAY(C, uint64_t, 1);\n" + HANDLER + """
    unsigned int key = 0;
    uint64_t *counter = C.lookup(&key);
    if (!counter)
        return RX_OK;
    *counter += 1;
    if (*counter > 1000)
        pcn_log(ctx, LOG_TRACE, "counter: %d %I %P", *counter, 1, 2);
    return RX_OK;
}
"""
# Its own structs of headers, beside those of the kernel's headers.
HEADERS = """
#include <uapi/linux/ip.h>
#include <linux/if_vlan.h>
#include <linux/icmp.h>
struct eth_hdr { __be64 dst: 48; __be64 src: 48; __be16 proto; } __attribute__((packed));
struct iphdr_ {
#if defined(__LITTLE_ENDIAN_BITFIELD) || __BYTE_ORDER == __LITTLE_ENDIAN
    __u8 ihl: 4, version: 4;
#else
    __u8 version: 4, ihl: 4;
#endif
    __u8 tos; __be16 tot_len; __be16 id; __be16 frag_off; __u8 ttl; __u8 protocol; __sum16 check;
    __be32 saddr; __be32 daddr;
} __attribute__((packed));
struct udphdr { __be16 source; __be16 dest; __be16 len; __sum16 check; } __attribute__((packed));
"""
IPV4 = """
    void *data = (void *)(long)ctx->data;
    void *data_end = (void *)(long)ctx->data_end;
    struct eth_hdr *eth = data;
    struct iphdr_ *ip = data + sizeof(*eth);
    if (data + sizeof(*eth) + sizeof(*ip) > data_end || eth->proto != bpf_htons(ETH_P_IP))
        return RX_OK;
"""


def clangs():
    """The oldest that may compile, and the default, which is the newest."""
    oldest = shutil.which("clang-14")
    return [["--clang", oldest], []] if oldest else [[]]


def metric(name, map_name=None, **options):
    return {"name": name, "map-name": map_name or name, **options}


def path(code, *metrics):
    return {"name": "probe", "code": code,
            "metric-configs": [metric(item) if isinstance(item, str) else item for item in metrics]}


def both(ingress, egress=None):
    return {"ingress-path": ingress, "egress-path": egress or {}}


class ImportCase(harness.Case):
    def document(self, document, name="document.json"):
        file = self.folder / name
        if isinstance(document, bytes):
            file.write_bytes(document)
        else:
            file.write_text(document if isinstance(document, str) else json.dumps(document))
        return file

    def imported(self, document, *options, name="probe"):
        """The folder of the probe, and what the command printed."""
        folder = self.folder / name
        if folder.exists():
            shutil.rmtree(folder)
        file = document if isinstance(document, os.PathLike) else self.document(document)
        made = published.require(self, "import", self.dynmon(
            "--json", "import", file, "--out", folder, *options).out)
        self.dynmon("check", "--kernel", folder)
        return folder, made

    def polycube(self, name="p"):
        """What Polycube would have shown, without the times: [{metric: value} of ingress, of egress]."""
        document = json.loads(self.dynmon("read", name, "--format", "dynmon").out)
        return [{item["name"]: item["value"] for item in document.get(f"{direction}-metrics", [])}
                for direction in ("ingress", "egress")]

    def each(self, document, *options, xdp=True):
        """Loads it as each compiler makes it, under TC and XDP; the caller sends and reads."""
        for clang in clangs():
            folder, made = self.imported(document, *clang, *options)
            self.assertEqual(made["xdp"], xdp, made)
            for hook in ("tc", "xdp") if xdp else ("tc",):
                with self.subTest(" ".join([hook, *clang[1:]])):
                    where = ["--mode", "generic"] if hook == "xdp" else []
                    self.load("p", folder, "--hook", hook, *where)
                    yield made
                    self.dynmon("unload", "p")

    def refused_at(self, document, where, *options, code=harness.USAGE):
        """The error of a document, which names the place where the text `where` stands."""
        text = document if isinstance(document, str) else json.dumps(document)
        before = text[:text.index(where)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        error = self.refused(code, "import", self.document(text), *options)
        self.assertIn(f"document.json:{line}:{column}: ", error["message"])
        self.assertFalse((self.folder / "document").exists())
        return error


class ShapesTest(ImportCase):
    CODE = COUNTER.replace("\n", "\r\n")
    METRICS = [metric("packets_total", "C", **{"open-metrics-metadata": {
        "help": "Packets.", "type": "Counter", "labels": [{"name": "L3", "value": "any"}]}})]

    def shapes(self):
        flat = {"name": "probe", "code": self.CODE, "metrics": self.METRICS}
        of_path = {"name": "probe", "code": self.CODE, "metric-configs": self.METRICS}
        return {"paths": both(of_path), "metrics": {"ingress-path": flat},
                "flat": flat, "dataplane": {"dataplane": flat},
                "create": {"dataplane-config": both(of_path), "type": "TC", "loglevel": "OFF"},
                "catalogue": {"id": "probe", "description": "d", "parameters": [],
                              "config": {"code": self.CODE, "metrics": self.METRICS}}}

    def test_all_shapes_of_a_document_are_the_same_probe(self):
        digests = set()
        for name, document in self.shapes().items():
            with self.subTest(name):
                folder, made = self.imported(document)
                digests.add(made["ingress"])
                self.assertNotIn("egress", made)
                self.assertEqual((folder / "document.json").read_text(), json.dumps(document))
                self.load("p", folder)
                self.receive(*[frames.plain(60)] * 7)
                self.assertEqual(self.polycube(), [{"packets_total": [7]}, {}])
                out = self.dynmon("read", "p", "--format", "openmetrics").out
                self.assertIn('packets_total{', out)
                self.assertIn('L3="any"', out)
                self.dynmon("unload", "p")
        self.assertEqual(len(digests), 1)

    def test_a_source_with_metrics_is_the_same_probe_as_its_document(self):
        _, made = self.imported(self.shapes()["paths"])
        source = self.document(self.CODE, "probe.c")
        self.document(json.dumps(self.METRICS), "metrics.json")
        _, of_source = self.imported(source, "--metrics", "metrics.json")
        self.assertEqual(made["ingress"], of_source["ingress"])

    def test_a_source_alone_has_a_metric_of_each_table_and_an_egress_path_beside_it(self):
        source = self.document(COUNTER.replace("BPF_ARRAY(C, ", "BPF_TABLE_SHARED(\"array\", int, ")
                               .replace("uint64_t, 1)", "uint64_t, C, 1)"), "in.c")
        egress = self.document(COUNTER.replace("BPF_ARRAY(C, uint64_t",
                                               "BPF_TABLE(\"extern\", int, uint64_t, C"), "out.c")
        folder, _ = self.imported(source, "--egress", egress)
        self.load("p", folder)
        self.receive(*[frames.plain(60)] * 3)
        self.transmit(*[frames.plain(60)] * 2)
        self.assertEqual(self.polycube()[0], {"C": [5]})

    def test_quotes_that_a_shell_has_escaped_are_taken_for_quotes(self):
        code = COUNTER.replace("BPF_ARRAY(C, uint64_t, 1)",
                               'BPF_TABLE(\\"array\\", int, uint64_t, C, 1)').replace('"counter', '\\"counter').replace('%P"', '%P\\"')
        folder, made = self.imported(self.document(code, "shell.c"))
        self.assertIn("backslashes", made["remarks"][0])
        self.load("p", folder)
        self.receive(frames.plain(60))
        self.assertEqual(self.polycube()[0], {"C": [1]})

    def test_the_type_of_the_cube_is_the_hook(self):
        folder, _ = self.imported({"dataplane-config": self.shapes()["paths"], "type": "XDP_SKB"})
        loaded = self.load("p", folder)
        self.assertIn("xdp", json.dumps(loaded))

    def test_several_documents_are_several_probes(self):
        files = [self.document(self.shapes()["paths"], f"{name}.json") for name in ("one", "two")]
        self.dynmon("import", *files)
        self.assertTrue((self.folder / "one" / "one.bpf.o").exists())
        self.assertTrue((self.folder / "two" / "two.bpf.o").exists())
        error = self.refused(harness.USAGE, "import", files[0])
        self.assertIn("is there already", error["message"])

    def test_the_manifest_names_the_document_and_its_digests(self):
        folder, made = self.imported(both(path(COUNTER, "C"), path(COUNTER, "C")))
        text = (folder / "probe.yaml").read_text()
        for digest in (made["ingress"], made["egress"], "document.json"):
            self.assertIn(digest, text)
        self.assertEqual(made["ingress"], made["egress"])
        wrong = text.replace(f'  egress: "{made["egress"]}"\n', "")
        self.assertNotEqual(wrong, text)
        (folder / "probe.yaml").write_text(wrong)
        error = self.dynmon("check", folder, code=harness.USAGE)
        self.assertIn("'imported' has no 'egress'", error.out + error.err)


class TablesTest(ImportCase):
    def test_hashes_and_arrays_of_packed_structs_are_shown_as_polycube_did(self):
        code = """
struct features { uint64_t timestamp; uint16_t length; } __attribute__((packed));
struct session_key { __be32 saddr; __be32 daddr; __be16 sport; __be16 dport; __u8 proto; } __attribute__((packed));
BPF_ARRAY(ONE, struct features, 1);
BPF_TABLE("hash", struct session_key, int, HASH, 1);
""" + HANDLER + """
    struct session_key key = {.saddr=1, .daddr=2, .sport=11, .dport=22, .proto=0};
    int i = 0;
    int *value = HASH.lookup_or_try_init(&key, &i);
    struct features now = {.timestamp=1010, .length=1010};
    ONE.update(&i, &now);
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "ONE", "HASH"))):
            self.receive(frames.plain(60))
            self.assertEqual(self.polycube()[0], {
                "ONE": [{"timestamp": 1010, "length": 1010}],
                "HASH": [{"key": {"saddr": 1, "daddr": 2, "sport": 11, "dport": 22, "proto": 0},
                          "value": 0}]})

    def test_packets_are_parsed_by_structs_of_the_author_under_the_names_of_the_kernel(self):
        code = HEADERS + """
struct key { __be32 saddr; __u8 protocol; } __attribute__((packed));
BPF_TABLE("percpu_hash", struct key, uint64_t, SEEN, 1024);
""" + HANDLER + IPV4 + """
    struct key key = {.saddr = ip->saddr, .protocol = ip->protocol};
    switch (ip->protocol) {
    case IPPROTO_TCP: case IPPROTO_UDP: break;
    default: return RX_OK;
    }
    uint64_t zero = 0, *value = SEEN.lookup_or_try_init(&key, &zero);
    if (value)
        *value += ntohs(ip->tot_len);
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "SEEN"))):
            self.receive(*[frames.ipv4(frames.udp(1, 2, b"12345678"), frames.UDP)] * 3,
                         frames.ipv4(frames.icmp(8), frames.ICMP))
            entry, = self.polycube()[0]["SEEN"]
            self.assertEqual(entry["key"], {"saddr": struct.unpack("=I", socket.inet_aton("10.0.0.1"))[0],
                                            "protocol": frames.UDP})
            self.assertEqual(sum(entry["value"]), 3 * 36)
            self.assertEqual(len(entry["value"]), os.cpu_count())

    def test_every_kind_of_table_and_each_number_of_arguments(self):
        code = """
#define BITS 2
#define SIZE 0x1<<BITS
BPF_ARRAY(A1); BPF_ARRAY(A2, u32); BPF_ARRAY(A3, u32, SIZE);
BPF_HASH(H1); BPF_HASH(H2, u32); BPF_HASH(H3, u32, u32); BPF_HASH(H4, u32, u32, 16);
BPF_PERCPU_ARRAY(PA, u64, 2); BPF_HISTOGRAM(HI);
BPF_TABLE("lru_hash", u32, u32, LRU, 16);
BPF_TABLE("lru_percpu_hash", u32, u32, LRUP, 16);
BPF_TABLE_SHARED("hash", u32, u32, SIX, 16, 1);
struct prefix { u32 length; __be32 address; };
BPF_F_TABLE("lpm_trie", struct prefix, u32, LPM, 16, BPF_F_NO_PREALLOC);
""" + HANDLER + """
    u32 one = 1, two = 2; u64 big = 1, seven = 7;
    struct prefix net = {8, bpf_htonl(0x0a000000)};
    A1.update(&one, &seven); A2.update(&one, &two); A3.update(&one, &two);
    H1.update(&big, &seven); H2.update(&one, &seven); H3.update(&one, &two); H4.insert(&one, &two);
    PA.update(&one, &seven); HI.increment(3); LRU.update(&one, &two); LRUP.update(&one, &two);
    SIX.update(&one, &two); SIX.insert(&one, &one); SIX.update(&two, &two); SIX.delete(&two);
    LPM.update(&net, &two);
    return RX_OK;
}"""
        names = "A1 A2 A3 H1 H2 H3 H4 PA HI LRU LRUP SIX LPM".split()
        for _ in self.each(both(path(code, *names))):
            self.receive(frames.plain(60))
            shown = self.polycube()[0]
            self.assertEqual(shown["A3"], [0, 2, 0, 0])
            self.assertEqual((len(shown["A1"]), len(shown["A2"]), len(shown["HI"])), (10240, 10240, 64))
            self.assertEqual((shown["A1"][1], shown["A2"][1], shown["HI"][3]), (7, 2, 1))
            self.assertEqual(shown["H1"], [{"key": 1, "value": 7}])
            for name in ("H3", "H4", "LRU", "SIX"):
                self.assertEqual(shown[name], [{"key": 1, "value": 2}], name)
            self.assertEqual((sum(shown["PA"][1]["value"]), sum(shown["LRUP"][0]["value"])), (7, 2))
            self.assertEqual(shown["LPM"][0]["value"], 2)

    def test_queues_and_stacks_and_what_finds_them_full(self):
        code = """
struct features { uint64_t a; uint16_t b; } __attribute__((packed));
BPF_QUEUE(Q, struct features, 4);
BPF_QUEUESTACK("stack", S, u32, 4, 0);
BPF_QUEUESTACK("queue", NEWEST, u32, 2, 0);
BPF_ARRAY(N, u32, 1);
""" + HANDLER + """
    int zero = 0;
    u32 *n = N.lookup(&zero);
    if (!n) return RX_OK;
    *n += 1;
    struct features f = {.a = *n, .b = 9};
    int *value = Q.push(&f, 0);
    S.push(n, 0);
    NEWEST.push(n, BPF_EXIST);
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "Q", "S", "NEWEST"))):
            self.receive(*[frames.plain(60)] * 6)
            shown = self.polycube()[0]
            self.assertEqual(list(shown)[:3], ["Q", "S", "NEWEST"])
            self.assertEqual(shown["Q"], [{"a": a, "b": 9} for a in (1, 2, 3, 4)])
            self.assertEqual((shown["S"], shown["NEWEST"]), ([4, 3, 2, 1], [5, 6]))
            self.assertEqual([sum(shown[name][0]["value"]) for name in
                              ("Q_lost", "S_lost", "NEWEST_lost")], [2, 2, 0])
            again = self.polycube()[0]
            self.assertEqual((again["Q"], again["S"]), (None, None))

    def test_increments_of_one_and_two_arguments_also_in_macros(self):
        code = """
BPF_HASH(H, u32, u64, 16);
BPF_ARRAY(A, u64, 4);
#define COUNT(key) A.increment(key, 10)
""" + HANDLER + """
    H.increment(5); H.increment(5, 2); H.atomic_increment(6); H.atomic_increment(6, 3);
    COUNT(2); A.atomic_increment(3);
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "H", "A"))):
            self.receive(*[frames.plain(60)] * 2)
            shown = self.polycube()[0]
            self.assertEqual(sorted((row["key"], row["value"]) for row in shown["H"]), [(5, 6), (6, 8)])
            self.assertEqual(shown["A"], [0, 0, 20, 2])

    def test_lookup_or_init_of_a_full_table_goes_on_with_nobodys_value(self):
        code = """
BPF_HASH(H, u32, u64, 2);
BPF_ARRAY(N, u32, 1);
""" + HANDLER + """
    int zero = 0; u64 none = 0; u32 key;
    u32 *n = N.lookup(&zero);
    if (!n) return RX_OK;
    key = (*n)++;
    (*H.lookup_or_init(&key, &none))++;
    return RX_OK;
}"""
        for made in self.each(both(path(code, "H", "N"))):
            self.receive(*[frames.plain(60)] * 5)
            shown = self.polycube()[0]
            self.assertEqual(shown["N"], [5])
            self.assertEqual(sorted((row["key"], row["value"]) for row in shown["H"]), [(0, 1), (1, 1)])

    def test_a_map_of_maps_is_made_and_its_metric_left_out(self):
        code = """
BPF_ARRAY(INNER, u64, 1);
BPF_HASH_OF_MAPS(OUTER, "INNER", 4);
BPF_ARRAY(C, u64, 1);
""" + HANDLER + """
    int key = 0;
    void *inner = OUTER.lookup(&key);
    u64 *count = C.lookup(&key);
    if (count && !inner) *count += 1;
    return RX_OK;
}"""
        for made in self.each(both(path(code, "OUTER", "C"))):
            self.assertIn("hash_of_maps", " ".join(made["remarks"]))
            self.receive(frames.plain(60))
            self.assertEqual(self.polycube()[0], {"C": [1]})

    def test_keys_by_a_pointer_to_a_loops_counter(self):
        code = "BPF_ARRAY(A, u64, 8);\n" + HANDLER + """
    #pragma unroll
    for (int i = 0; i < 4; i++) { u64 *v = A.lookup(&i); if (v) *v += i; }
    for (int i = 4; i < 8; i++) { u64 *v = A.lookup(&i); if (v) __sync_fetch_and_add(v, 1); }
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "A"))):
            self.receive(*[frames.plain(60)] * 2)
            self.assertEqual(self.polycube()[0], {"A": [0, 2, 4, 6, 2, 2, 2, 2]})

    def test_padding_of_keys_and_variables_without_a_value_are_0(self):
        code = """
struct key { u8 a; u32 b; };
BPF_HASH(H, struct key, u64, 16);
""" + HANDLER + """
    struct key key;
    u64 none = 0, *v;
    key.a = 1;
    if (md->packet_len > 100) { volatile char noise[64]; for (int i = 0; i < 64; i++) noise[i] = i; key.b = 0; }
    v = H.lookup_or_try_init(&key, &none);
    if (v) *v += 1;
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "H"))):
            self.receive(frames.plain(60), frames.plain(200), frames.plain(60))
            self.assertEqual(self.polycube()[0], {"H": [{"key": {"a": 1, "b": 0}, "value": 3}]})

    def test_windows_swap_and_empty_as_the_document_says(self):
        options = {"extraction-options": {"swap-on-read": True, "empty-on-read": True}}
        for _ in self.each(both(path(COUNTER, metric("C", **options)))):
            for count in (3, 4, 0):
                self.receive(*[frames.plain(60)] * count) if count else None
                self.assertEqual(self.polycube()[0], {"C": [count]})


class PathsTest(ImportCase):
    SHARED = """
BPF_TABLE_SHARED("hash", u32, u64, SESSIONS_TRACKED_A, 16);
BPF_QUEUESTACK_SHARED("queue", BUFFER, u32, 16, 0);
"""
    EXTERN = """
BPF_TABLE("extern", u32, u64, SESSIONS_TRACKED_A, 16);
BPF_QUEUESTACK("extern", BUFFER, u32, 16, 0);
"""
    BODY = "BPF_ARRAY(C, u64, 1);\n" + HANDLER + """
    int zero = 0; u32 way = POLYCUBE_PROGRAM_TYPE; u64 none = 0, *v;
    v = C.lookup(&zero);
    if (v) *v += 1;
    v = SESSIONS_TRACKED_A.lookup_or_try_init(&way, &none);
    if (v) *v += 1;
    #if POLYCUBE_PROGRAM_TYPE == 1
    way = 100;
    #endif
    BUFFER.push(&way, 0);
    return RX_OK;
}"""

    def loaded(self, ingress, egress):
        for clang in clangs():
            folder, made = self.imported(both(ingress, egress), *clang)
            with self.subTest(" ".join(clang)):
                self.load("p", folder)
                self.receive(*[frames.plain(60)] * 2)
                self.transmit(*[frames.plain(60)] * 3)
                yield made
                self.dynmon("unload", "p")

    def expect(self, made, shown):
        self.assertEqual((shown[0]["C"], shown[1]["C"]), ([2], [3]))
        self.assertIn("C_EGRESS", " ".join(made["remarks"]))
        rows = [row for way in shown for row in way.get("SESSIONS_TRACKED_A") or []]
        self.assertEqual(sorted((row["key"], row["value"]) for row in rows), [(0, 2), (1, 3)])

    def test_shared_tables_are_one_map_whichever_path_owns_them(self):
        names = ("C", "SESSIONS_TRACKED_A")
        for owner in ("ingress", "egress"):
            with self.subTest(owner):
                texts = [self.SHARED, self.EXTERN]
                if owner == "egress":
                    texts.reverse()
                paths = [path(text + self.BODY, *names) for text in texts]
                paths[texts.index(self.SHARED)]["metric-configs"].append(metric("BUFFER"))
                for made in self.loaded(*paths):
                    shown = self.polycube()
                    self.expect(made, shown)
                    drained = next(way["BUFFER"] for way in shown if "BUFFER" in way)
                    self.assertEqual(drained, [0, 0, 100, 100, 100])

    def test_each_path_may_own_what_the_other_one_uses(self):
        mine = 'BPF_TABLE_SHARED("hash", u32, u64, {0}, 16);\n'.format
        theirs = 'BPF_TABLE("extern", u32, u64, {0}, 16);\n'.format
        body = HANDLER + """
    u32 way = POLYCUBE_PROGRAM_TYPE; u64 one = 1;
    A.update(&way, &one);
    B.update(&way, &one);
    return RX_OK;
}"""
        for _ in self.loaded(path(mine("A") + theirs("B") + body, "A"),
                             path(theirs("A") + mine("B") + body, "B")):
            shown = self.polycube()
            for rows in (shown[0]["A"], shown[1]["B"]):
                self.assertEqual(sorted(row["key"] for row in rows), [0, 1])

    def test_functions_of_the_same_name_in_both_paths_do_not_meet(self):
        code = "int helper(u64 *v) { *v += 1; return 0; }\n" + COUNTER.replace("*counter += 1", "helper(counter)")
        for _ in self.loaded(path(code, "C"), path(code.replace("v += 1", "v += 10"), "C")):
            self.assertEqual(self.polycube(), [{"C": [2]}, {"C": [30]}])

    def test_a_table_that_no_path_defines_is_an_error_that_names_it(self):
        code = self.EXTERN + self.BODY
        error = self.refused_at({"egress-path": path(code, "C")}, 'BPF_TABLE(\\"extern')
        self.assertIn("table 'SESSIONS_TRACKED_A' is \"extern\"", error["message"])
        self.assertIn("egress-path, line 2, column 1 of its code", error["message"])

    def test_an_egress_path_alone_is_a_probe(self):
        for clang in clangs():
            folder, made = self.imported({"ingress-path": {}, "egress-path": path(COUNTER, "C")}, *clang)
            self.assertFalse(made["xdp"])
            self.load("p", folder)
            self.transmit(frames.plain(60))
            self.assertEqual(self.polycube()[1], {"C": [1]})
            self.dynmon("unload", "p")


class ResultsTest(ImportCase):
    DROP = "BPF_ARRAY(C, u64, 1);\n" + HANDLER + "return md->packet_len > 100 ? RX_DROP : RX_OK; }"

    def test_dropping_is_asked_for(self):
        """PROMISES:
        D-4 Without `--allow-drop` nothing"""
        error = self.refused_at(both(path(self.DROP)), "RX_DROP")
        self.assertIn("RX_DROP", error["message"])
        self.assertIn("--allow-drop", error["hint"])

    def behind(self, folder, dropped):
        """What a counter behind it in the chain still sees, of a short frame and two long ones."""
        self.load("p", folder)
        self.load("behind", "packets")
        self.receive(frames.plain(200), frames.plain(200), dropped=dropped)
        self.receive(frames.plain(60))
        seen = self.packets("behind")
        self.dynmon("unload", "--all")
        return seen

    def test_allowed_to_it_drops_also_by_a_macro_with_a_semicolon(self):
        for code in (self.DROP, "#define RX_DROP 2;\n" + self.DROP.replace(
                "return md->packet_len > 100 ? RX_DROP : RX_OK;",
                "if (md->packet_len > 100) return RX_DROP; return RX_OK;")):
            for clang in clangs():
                folder, _ = self.imported(both(path(code)), "--allow-drop", *clang)
                self.assertIn("verdict:", (folder / "probe.yaml").read_text())
                self.assertEqual(self.behind(folder, True), 1)

    def test_a_result_that_is_a_number_passes_where_nothing_may_drop(self):
        code = self.DROP.replace("RX_DROP : RX_OK", "2 : 0")
        folder, _ = self.imported(both(path(code)))
        self.assertEqual(self.behind(folder, False), 3)

    def test_what_a_monitor_cannot_do_is_refused_with_the_reason(self):
        for word, why in (("RX_REDIRECT", "another port"), ("RX_CONTROLLER", "slow path"),
                          ("RX_RECIRCULATE", "no cube"),
                          ("pcn_pkt_controller(ctx, md, 1)", "slow path"),
                          ("pcn_pkt_redirect(ctx, md, 1)", "another port")):
            with self.subTest(word):
                error = self.refused(harness.USAGE, "import", self.document(
                    both(path(HANDLER + "return " + word + ";}"))))
                self.assertIn(why, error["message"])
                self.assertIn("line 2, column", error["message"])

    def test_times_are_those_of_the_clock(self):
        code = "BPF_ARRAY(T, u64, 2);\n" + HANDLER + """
    int i = 0; u64 now = pcn_get_time_epoch(); T.update(&i, &now);
    i = 1; now = pcn_get_packet_tstamp(ctx); T.update(&i, &now);
    return RX_OK;
}"""
        for _ in self.each(both(path(code, "T"))):
            before = time.time()
            self.receive(frames.plain(60))
            for stamp in self.polycube()[0]["T"]:
                self.assertLess(before - 1, stamp / 1e9)
                self.assertLess(stamp / 1e9, time.time() + 1)

    def test_code_that_xdp_has_not_is_for_tc_alone_and_says_so(self):
        code = COUNTER.replace("*counter += 1", "*counter += ctx->tstamp == 0 ? 1 : 1")
        for made in self.each(both(path(code, "C")), xdp=False):
            self.assertIn("tstamp", " ".join(made["remarks"]))
            self.receive(frames.plain(60))
            self.assertEqual(self.polycube()[0], {"C": [1]})

    def test_a_handler_of_one_parameter_that_is_not_static(self):
        code = COUNTER.replace(HANDLER, "int handle_rx(struct CTXTYPE *ctx) {")
        for _ in self.each(both(path(code, "C"))):
            self.receive(frames.plain(60))
            self.assertEqual(self.polycube()[0], {"C": [1]})


class DechainyTest(ImportCase):
    CODE = """
BPF_TABLE("array", int, uint64_t, SEEN, 1)__attributes__((EXPORT, SWAP, EMPTY));
BPF_TABLE("array", int, uint64_t, HIDDEN, 1);
BPF_TABLE("hash", int, uint64_t, WAY, 4)__attributes__((EXPORT));
static __always_inline
int handler(struct CTXTYPE *ctx, struct pkt_metadata *md) {
    void *data = (void *) (long) ctx->data;
    void *data_end = (void *) (long) ctx->data_end;
    struct eth_hdr *ethernet = data;
    int way = PTYPE;
    uint64_t now = get_time_epoch();
    if (data + sizeof(*ethernet) > data_end || ethernet->proto != bpf_htons(ETH_P_IP))
        return PASS;
    struct iphdr *ip = data + sizeof(struct eth_hdr);
    if (data + sizeof(struct eth_hdr) + sizeof(*ip) > data_end)
        return PASS;
    dp_log(INFO, "seen %d", ip->saddr);
    SEEN.increment(0);
    HIDDEN.increment(0);
    WAY.update(&way, &now);
    return PASS;
}"""

    def test_code_of_dechainy_is_a_probe_whose_metrics_are_what_it_exports(self):
        source = self.document(self.CODE, "ebpf.c")
        for _ in self.each(source):
            for count in (3, 2):
                self.receive(*[frames.ipv4(frames.udp(1, 2), frames.UDP)] * count, frames.plain(60))
                shown = self.polycube()[0]
                self.assertEqual((list(shown), shown["SEEN"]), (["SEEN", "WAY"], [count]))
                self.assertEqual([row["key"] for row in shown["WAY"]], [0])

    def test_a_macro_of_the_command_line_is_in_the_code_and_in_the_digest(self):
        source = self.document(self.CODE.replace("uint64_t, SEEN, 1", "uint64_t, SEEN, ENTRIES")
                               .replace("EXPORT, SWAP, EMPTY", "EXPORT"), "ebpf.c")
        self.assertIn("ENTRIES", self.refused(harness.USAGE, "import", source)["message"])
        digests = set()
        for entries in (2, 3):
            for made in self.each(source, "--define", f"ENTRIES=1 + {entries - 1}", "--define", "UNUSED"):
                digests.add(made["ingress"])
                self.assertEqual(self.polycube()[0]["SEEN"], [0] * entries)
        self.assertEqual(len(digests), 2)
        for bad in ("A B=1", "A=1\n#include", 'A="/etc/x"', "dynmon_x=1", "=1"):
            self.refused(harness.USAGE, "import", source, "--define", bad)

    def test_what_it_sends_elsewhere_or_drops_is_refused(self):
        for word, says in (("REDIRECT(lo)", "another port"), ("DROP", "RX_DROP"),
                           ("pkt_to_controller(ctx, md)", "user space")):
            error = self.refused(harness.USAGE, "import", self.document(
                self.CODE.replace("return PASS;\n}", f"return {word};\n}}"), "ebpf.c"))
            self.assertIn(says, error["message"])
            self.assertIn("ebpf.c:21:12: ", error["message"])


class FaultsTest(ImportCase):
    def test_a_page_is_no_document(self):
        error = self.refused_at("\n\n<!DOCTYPE html>\n<html></html>", "<!")
        self.assertIn("HTML", error["message"])

    def test_a_missing_comma_is_found(self):
        error = self.refused_at('{"ingress-path": {\n  "name": "é"\n  "code": ""}}', '"code"')
        self.assertIn("','", error["hint"])

    def test_an_unknown_key_and_a_metric_of_no_table_have_their_lines(self):
        text = json.dumps(both(path(COUNTER, metric("a", "NONE"))), indent=1)
        error = self.refused_at(text, '"NONE"')
        self.assertIn("'NONE'", error["message"])
        self.assertIn("its tables are C", error["hint"])
        text = text.replace('"map-name"', '"map-names"')
        error = self.refused_at(text, '"map-names"')
        self.assertIn("map-name", error["hint"])

    def test_two_metrics_of_one_name_are_refused_and_names_become_identifiers(self):
        error = self.refused_at(json.dumps(both(path(COUNTER, "C", "C"))), '{"name": "C", "map-name": "C"}]')
        self.assertIn("'C' stands there twice", error["message"])
        folder, made = self.imported(both(path(COUNTER, metric("Total packets", "C"),
                                               metric("Total-packets", "C"), metric("Total_packets", "C"))))
        self.load("p", folder)
        self.assertEqual(list(self.polycube()[0]), ["Total_packets", "Total-packets", "Total_packets_2"])

    def test_a_fault_of_the_code_has_its_line_there_and_in_the_document(self):
        code = COUNTER.replace("*counter += 1;", "*counter += pcn_no_such(1);")
        text = json.dumps(both(path(code, "C")), indent=1)
        for clang in clangs():
            error = self.refused_at(text, "pcn_no_such", *clang)
            self.assertIn("ingress-path, line 8, column 17 of its code", error["message"])
            self.assertIn("pcn_no_such", error["message"])

    def test_code_without_a_handler_or_with_two_tables_of_a_name(self):
        self.assertIn("handle_rx", self.refused_at(both(path("int x;")), "int x")["message"])
        code = "BPF_ARRAY(C, u64, 1);\nBPF_ARRAY(C, u64, 1);\n" + HANDLER + "return 0;}"
        self.assertIn("declared twice", self.refused_at(both(path(code)), 'BPF_ARRAY(C, u64, 1);\\nstatic')["message"])

    def test_a_packed_value_that_is_added_to_atomically_is_refused_by_field(self):
        code = """struct v { u8 a; u64 n; } __attribute__((packed));
BPF_ARRAY(A, struct v, 1);
""" + HANDLER + """int i = 0; struct v *v = A.lookup(&i); if (v) __sync_fetch_and_add(&v->n, 1); return 0; }"""
        error = self.refused(harness.REJECTED, "import", self.document(both(path(code, "A"))))
        self.assertIn("A", error["message"])
        self.assertFalse((self.folder / "document").exists())

    def test_a_compiler_that_is_too_old_or_none_is_named(self):
        error = self.refused(harness.UNSUPPORTED, "import", self.document(both(path(COUNTER))),
                             "--clang", "/bin/true")
        self.assertIn("--clang", error["hint"])


class SandboxTest(ImportCase):
    """What strangers' code could ask of a compiler."""

    def test_files_and_assembly_are_refused_with_the_line(self):
        """PROMISES:
        D-3 Code that asks for"""
        for text, says in (('#include "/etc/hostname"', "absolute"), ('#include <../../etc/hostname>', "'..'"),
                           ('#define F "/etc/hostname"\n#include F', "macro"), ('#inc\\\nlude "/etc/hostname"', "absolute"),
                           ('#if __has_include("/etc/hostname")\n#endif', "asks for a file"),
                           ('asm(".incbin \\"/etc/hostname\\"");', "assembly"),
                           ('#pragma clang section text="x"', "pragma"), ('_Pragma("once")', "_Pragma"),
                           ('#define A __asm\\\n__\nA("nop");', "assembly"),
                           ('int x __attribute__((section("tc")));', "section"), ('int x SEC("tc");', "section"),
                           ('int dynmon_may_drop;', "taken")):
            with self.subTest(text):
                error = self.refused(harness.USAGE, "import", self.document(
                    both(path("\n" + text + "\n" + COUNTER, "C"))))
                self.assertIn(says, error["message"])
                self.assertRegex(error["message"], "line [234], column")

    def test_a_compile_without_end_is_ended(self):
        code = "#define A0(x) x x x x x x x x\n" + "".join(
            f"#define A{i}(x) A{i - 1}(A{i - 1}(x))\n" for i in range(1, 6)) + "int x = A5(0);\n" + COUNTER
        began = time.monotonic()
        error = self.refused(harness.REJECTED, "import", self.document(both(path(code, "C"))))
        self.assertRegex(error["message"], "the compiler, on this code, (did not end|crashed|wrote more)")
        self.assertLess(time.monotonic() - began, 60)

    def test_it_works_for_a_user_without_rights(self):
        self.folder.chmod(0o777)
        file = self.document(both(path(COUNTER, "C")))
        self.dynmon("import", file, "--out", "mine", user=65534, group=65534)
        self.assertEqual((self.folder / "mine" / "mine.bpf.o").stat().st_uid, 65534)


if __name__ == "__main__":
    harness.main()
