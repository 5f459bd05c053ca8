# SPDX-License-Identifier: BSD-2-Clause
"""Documents of Dynmon that use every construct and trap that `import` knows, and for each a session:
what is sent, and what Polycube would have shown afterwards. test_import.py imports and plays them on
this machine. A guest of tests/kernels has no compiler: make() imports them for it, and
test_sessions.py plays them there.

    @session(both(path(CODE, "C")))
    def packets_are_counted(case, made):
        case.receive(frames.plain(60))
        case.assertEqual(case.polycube()[0], {"C": [1]})

`made` is what `import` printed."""
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import time
import typing

import frames
import harness
import kernel

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


def metric(name, map_name=None, **options):
    return {"name": name, "map-name": map_name or name, **options}


def path(code, *metrics):
    return {"name": "probe", "code": code,
            "metric-configs": [metric(item) if isinstance(item, str) else item for item in metrics]}


def both(ingress, egress=None):
    return {"ingress-path": ingress, "egress-path": egress or {}}

@dataclasses.dataclass(frozen=True)
class Session:
    """A document, and what is to be seen of its probe."""
    name: str
    document: typing.Any    # a document, or the text of a C source
    options: tuple          # of `import`
    play: typing.Callable   # (case, made), with the probe loaded as p
    xdp: bool               # whether the probe is one for XDP too
    hooks: tuple
    since: tuple            # the first kernel that takes the program
    lacks: str              # what the error of an older one has to name

    def write(self, folder):
        """The file of the document."""
        is_source = isinstance(self.document, str)
        file = pathlib.Path(folder) / ("source.c" if is_source else "document.json")
        file.write_text(self.document if is_source else json.dumps(self.document))
        return file


SESSIONS = []


def session(document, *options, xdp=True, hooks=None, since=(0, 0), lacks=""):
    """Makes a function the session of a document, under TC and, where its probe can, XDP."""
    def enter(play):
        SESSIONS.append(Session(play.__name__, document, options, play, xdp,
                                hooks or (("tc", "xdp") if xdp else ("tc",)), since, lacks))
        return play
    return enter


def compilers():
    """{name: options of `import`}: the oldest clang that may compile, and the default, the newest."""
    oldest = shutil.which("clang-14")
    return {**({"clang-14": ["--clang", oldest]} if oldest else {}), "newest": []}


def make(dynmon_load, folder):
    """Imports every document with each compiler: FOLDER/COMPILER/NAME/probe is the probe, and
    import.json beside it what `import` printed."""
    def one(compiler, options, each):
        place = pathlib.Path(folder) / compiler / each.name
        place.mkdir(parents=True)
        done = subprocess.run([dynmon_load, "--json", "import", each.write(place), "--out",
                               place / "probe", *each.options, *options],
                              capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"import of {each.name} by {compiler}: {done.stderr}")
        (place / "import.json").write_text(done.stdout)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for work in [pool.submit(one, *compiler, each) for compiler in compilers().items()
                     for each in SESSIONS]:
            work.result()


class SessionCase(harness.Case):
    """Plays sessions."""

    def polycube(self, name="p"):
        """What Polycube would have shown, without the times: [{metric: value} of ingress, of egress]."""
        document = json.loads(self.dynmon("read", name, "--format", "dynmon").out)
        return [{item["name"]: item["value"] for item in document.get(f"{direction}-metrics", [])}
                for direction in ("ingress", "egress")]

    def play(self, session, compiler, folder, made):
        """Loads the probe in `folder` under each hook, and holds it against the session."""
        self.assertEqual(made["xdp"], session.xdp, made)
        for hook in session.hooks:
            with self.subTest(f"{hook}, {compiler}"):
                where = ["--hook", hook, *(["--mode", "generic"] if hook == "xdp" else [])]
                if kernel.VERSION < session.since:
                    error = self.refused(harness.REJECTED, "load", "p", folder, "--dev", "blue0",
                                         "--netns", "blue", *where)
                    self.assertIn(session.lacks, json.dumps(error))
                    continue
                self.load("p", folder, *where)
                try:
                    session.play(self, made)
                finally:
                    self.dynmon("unload", "--all")


def tests_of(sessions):
    """Gives a class a test of each session, which calls its played(session)."""
    def add(case):
        for each in sessions:
            def test(self, each=each):
                self.played(each)
            test.__name__ = f"test_{each.name}"
            test.__qualname__ = f"{case.__qualname__}.{test.__name__}"
            setattr(case, test.__name__, test)
        return case
    return add


# Tables

@session(both(path("""
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
}""", "ONE", "HASH")))
def hashes_and_arrays_of_packed_structs_are_shown_as_polycube_did(case, _):
    case.receive(frames.plain(60))
    case.assertEqual(case.polycube()[0], {
        "ONE": [{"timestamp": 1010, "length": 1010}],
        "HASH": [{"key": {"saddr": 1, "daddr": 2, "sport": 11, "dport": 22, "proto": 0},
                  "value": 0}]})


@session(both(path(HEADERS + """
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
}""", "SEEN")))
def packets_are_parsed_by_structs_of_the_author_under_the_names_of_the_kernel(case, _):
    case.receive(*[frames.ipv4(frames.udp(1, 2, b"12345678"), frames.UDP)] * 3,
                 frames.ipv4(frames.icmp(8), frames.ICMP))
    entry, = case.polycube()[0]["SEEN"]
    case.assertEqual(entry["key"], {"saddr": struct.unpack("=I", socket.inet_aton("10.0.0.1"))[0],
                                    "protocol": frames.UDP})
    case.assertEqual(sum(entry["value"]), 3 * 36)
    case.assertEqual(len(entry["value"]), os.cpu_count())


KINDS = "A1 A2 A3 H1 H2 H3 H4 PA HI LRU LRUP SIX LPM".split()


@session(both(path("""
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
}""", *KINDS)))
def every_kind_of_table_and_each_number_of_arguments(case, _):
    case.receive(frames.plain(60))
    shown = case.polycube()[0]
    case.assertEqual(shown["A3"], [0, 2, 0, 0])
    case.assertEqual((len(shown["A1"]), len(shown["A2"]), len(shown["HI"])), (10240, 10240, 64))
    case.assertEqual((shown["A1"][1], shown["A2"][1], shown["HI"][3]), (7, 2, 1))
    case.assertEqual(shown["H1"], [{"key": 1, "value": 7}])
    for name in ("H3", "H4", "LRU", "SIX"):
        case.assertEqual(shown[name], [{"key": 1, "value": 2}], name)
    case.assertEqual((sum(shown["PA"][1]["value"]), sum(shown["LRUP"][0]["value"])), (7, 2))
    case.assertEqual(shown["LPM"][0]["value"], 2)


@session(both(path("""
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
}""", "Q", "S", "NEWEST")))
def queues_and_stacks_and_what_finds_them_full(case, _):
    case.receive(*[frames.plain(60)] * 6)
    shown = case.polycube()[0]
    case.assertEqual(list(shown)[:3], ["Q", "S", "NEWEST"])
    case.assertEqual(shown["Q"], [{"a": a, "b": 9} for a in (1, 2, 3, 4)])
    case.assertEqual((shown["S"], shown["NEWEST"]), ([4, 3, 2, 1], [5, 6]))
    case.assertEqual([sum(shown[name][0]["value"]) for name in
                      ("Q_lost", "S_lost", "NEWEST_lost")], [2, 2, 0])
    again = case.polycube()[0]
    case.assertEqual((again["Q"], again["S"]), (None, None))


@session(both(path("""
BPF_HASH(H, u32, u64, 16);
BPF_ARRAY(A, u64, 4);
#define COUNT(key) A.increment(key, 10)
""" + HANDLER + """
    H.increment(5); H.increment(5, 2); H.atomic_increment(6); H.atomic_increment(6, 3);
    COUNT(2); A.atomic_increment(3);
    return RX_OK;
}""", "H", "A")))
def increments_of_one_and_two_arguments_also_in_macros(case, _):
    case.receive(*[frames.plain(60)] * 2)
    shown = case.polycube()[0]
    case.assertEqual(sorted((row["key"], row["value"]) for row in shown["H"]), [(5, 6), (6, 8)])
    case.assertEqual(shown["A"], [0, 0, 20, 2])


@session(both(path("""
BPF_HASH(H, u32, u64, 2);
BPF_ARRAY(N, u32, 1);
""" + HANDLER + """
    int zero = 0; u64 none = 0; u32 key;
    u32 *n = N.lookup(&zero);
    if (!n) return RX_OK;
    key = (*n)++;
    (*H.lookup_or_init(&key, &none))++;
    return RX_OK;
}""", "H", "N")))
def lookup_or_init_of_a_full_table_goes_on_with_nobodys_value(case, made):
    case.receive(*[frames.plain(60)] * 5)
    shown = case.polycube()[0]
    case.assertEqual(shown["N"], [5])
    case.assertEqual(sorted((row["key"], row["value"]) for row in shown["H"]), [(0, 1), (1, 1)])


@session(both(path("""
BPF_ARRAY(INNER, u64, 1);
BPF_HASH_OF_MAPS(OUTER, "INNER", 4);
BPF_ARRAY(C, u64, 1);
""" + HANDLER + """
    int key = 0;
    void *inner = OUTER.lookup(&key);
    u64 *count = C.lookup(&key);
    if (count && !inner) *count += 1;
    return RX_OK;
}""", "OUTER", "C")))
def a_map_of_maps_is_made_and_its_metric_left_out(case, made):
    case.assertIn("hash_of_maps", " ".join(made["remarks"]))
    case.receive(frames.plain(60))
    case.assertEqual(case.polycube()[0], {"C": [1]})


@session(both(path("BPF_ARRAY(A, u64, 8);\n" + HANDLER + """
    #pragma unroll
    for (int i = 0; i < 4; i++) { u64 *v = A.lookup(&i); if (v) *v += i; }
    for (int i = 4; i < 8; i++) { u64 *v = A.lookup(&i); if (v) __sync_fetch_and_add(v, 1); }
    return RX_OK;
}""", "A")))
def keys_by_a_pointer_to_a_loops_counter(case, _):
    case.receive(*[frames.plain(60)] * 2)
    case.assertEqual(case.polycube()[0], {"A": [0, 2, 4, 6, 2, 2, 2, 2]})


@session(both(path("""
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
}""", "H")))
def padding_of_keys_and_variables_without_a_value_are_0(case, _):
    case.receive(frames.plain(60), frames.plain(200), frames.plain(60))
    case.assertEqual(case.polycube()[0], {"H": [{"key": {"a": 1, "b": 0}, "value": 3}]})


@session(both(path(COUNTER, metric("C", **{"extraction-options": {
    "swap-on-read": True, "empty-on-read": True}}))))
def windows_swap_and_empty_as_the_document_says(case, _):
    for count in (3, 4, 0):
        case.receive(*[frames.plain(60)] * count) if count else None
        case.assertEqual(case.polycube()[0], {"C": [count]})


@session(both(path("BPF_ARRAY(A, u64, 2);\n" + HANDLER + """
    int i = 0; u64 before, *v = A.lookup(&i);
    if (!v) return RX_OK;
    before = __sync_fetch_and_add(v, 1);
    i = 1;
    A.update(&i, &before);
    return RX_OK;
}""", "A")), since=(5, 12),
         lacks="Linux before 5.12 knows one atomic operation")
def additions_whose_result_is_used(case, _):
    case.receive(*[frames.plain(60)] * 3)
    case.assertEqual(case.polycube()[0], {"A": [3, 2]})


# Two paths

SHARED = """
BPF_TABLE_SHARED("hash", u32, u64, SESSIONS_TRACKED_A, 16);
BPF_QUEUESTACK_SHARED("queue", BUFFER, u32, 16, 0);
"""
EXTERN = """
BPF_TABLE("extern", u32, u64, SESSIONS_TRACKED_A, 16);
BPF_QUEUESTACK("extern", BUFFER, u32, 16, 0);
"""
BOTH_WAYS = "BPF_ARRAY(C, u64, 1);\n" + HANDLER + """
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


def two_in_three_out(case):
    case.receive(*[frames.plain(60)] * 2)
    case.transmit(*[frames.plain(60)] * 3)


def shared(case, made):
    two_in_three_out(case)
    shown = case.polycube()
    case.assertEqual((shown[0]["C"], shown[1]["C"]), ([2], [3]))
    case.assertIn("C_EGRESS", " ".join(made["remarks"]))
    rows = [row for way in shown for row in way.get("SESSIONS_TRACKED_A") or []]
    case.assertEqual(sorted((row["key"], row["value"]) for row in rows), [(0, 2), (1, 3)])
    drained = next(way["BUFFER"] for way in shown if "BUFFER" in way)
    case.assertEqual(drained, [0, 0, 100, 100, 100])


@session(both(path(SHARED + BOTH_WAYS, "C", "SESSIONS_TRACKED_A", "BUFFER"),
              path(EXTERN + BOTH_WAYS, "C", "SESSIONS_TRACKED_A")), hooks=("tc",))
def shared_tables_are_one_map_that_ingress_owns(case, made):
    shared(case, made)


@session(both(path(EXTERN + BOTH_WAYS, "C", "SESSIONS_TRACKED_A"),
              path(SHARED + BOTH_WAYS, "C", "SESSIONS_TRACKED_A", "BUFFER")), hooks=("tc",))
def shared_tables_are_one_map_that_egress_owns(case, made):
    shared(case, made)


MINE = 'BPF_TABLE_SHARED("hash", u32, u64, {0}, 16);\n'.format
THEIRS = 'BPF_TABLE("extern", u32, u64, {0}, 16);\n'.format
WRITES_BOTH = HANDLER + """
    u32 way = POLYCUBE_PROGRAM_TYPE; u64 one = 1;
    A.update(&way, &one);
    B.update(&way, &one);
    return RX_OK;
}"""


@session(both(path(MINE("A") + THEIRS("B") + WRITES_BOTH, "A"),
              path(THEIRS("A") + MINE("B") + WRITES_BOTH, "B")), hooks=("tc",))
def each_path_may_own_what_the_other_one_uses(case, _):
    two_in_three_out(case)
    shown = case.polycube()
    for rows in (shown[0]["A"], shown[1]["B"]):
        case.assertEqual(sorted(row["key"] for row in rows), [0, 1])


HELPED = "int helper(u64 *v) { *v += 1; return 0; }\n" + \
    COUNTER.replace("*counter += 1", "helper(counter)")


@session(both(path(HELPED, "C"), path(HELPED.replace("v += 1", "v += 10"), "C")), hooks=("tc",))
def functions_of_the_same_name_in_both_paths_do_not_meet(case, _):
    two_in_three_out(case)
    case.assertEqual(case.polycube(), [{"C": [2]}, {"C": [30]}])


@session({"ingress-path": {}, "egress-path": path(COUNTER, "C")}, xdp=False)
def an_egress_path_alone_is_a_probe(case, _):
    case.transmit(frames.plain(60))
    case.assertEqual(case.polycube()[1], {"C": [1]})


# Results

DROP = "BPF_ARRAY(C, u64, 1);\n" + HANDLER + "return md->packet_len > 100 ? RX_DROP : RX_OK; }"


def behind(case, dropped):
    """What a counter behind it in the chain still sees, of a short frame and two long ones."""
    case.load("behind", "packets")
    case.receive(frames.plain(200), frames.plain(200), dropped=dropped)
    case.receive(frames.plain(60))
    return case.packets("behind")


@session(both(path(DROP)), "--allow-drop", hooks=("tc",))
def allowed_to_it_drops(case, _):
    case.assertEqual(behind(case, True), 1)


@session(both(path("#define RX_DROP 2;\n" + DROP.replace(
    "return md->packet_len > 100 ? RX_DROP : RX_OK;",
    "if (md->packet_len > 100) return RX_DROP; return RX_OK;"))), "--allow-drop", hooks=("tc",))
def allowed_to_it_drops_by_a_macro_with_a_semicolon(case, _):
    case.assertEqual(behind(case, True), 1)


@session(both(path(DROP.replace("RX_DROP : RX_OK", "2 : 0"))), hooks=("tc",))
def a_result_that_is_a_number_passes_where_nothing_may_drop(case, _):
    case.assertEqual(behind(case, False), 3)


@session(both(path("BPF_ARRAY(T, u64, 2);\n" + HANDLER + """
    int i = 0; u64 now = pcn_get_time_epoch(); T.update(&i, &now);
    i = 1; now = pcn_get_packet_tstamp(ctx); T.update(&i, &now);
    return RX_OK;
}""", "T")))
def times_are_those_of_the_clock(case, _):
    before = time.time()
    case.receive(frames.plain(60))
    for stamp in case.polycube()[0]["T"]:
        case.assertLess(before - 1, stamp / 1e9)
        case.assertLess(stamp / 1e9, time.time() + 1)


@session(both(path(COUNTER.replace("*counter += 1", "*counter += ctx->tstamp == 0 ? 1 : 1"), "C")),
         xdp=False)
def code_that_xdp_has_not_is_for_tc_alone_and_says_so(case, made):
    case.assertIn("tstamp", " ".join(made["remarks"]))
    case.receive(frames.plain(60))
    case.assertEqual(case.polycube()[0], {"C": [1]})


@session(both(path(COUNTER.replace(HANDLER, "int handle_rx(struct CTXTYPE *ctx) {"), "C")))
def a_handler_of_one_parameter_that_is_not_static(case, _):
    case.receive(frames.plain(60))
    case.assertEqual(case.polycube()[0], {"C": [1]})


# DeChainy

DECHAINY = """
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


@session(DECHAINY)
def code_of_dechainy_is_a_probe_whose_metrics_are_what_it_exports(case, _):
    for count in (3, 2):
        case.receive(*[frames.ipv4(frames.udp(1, 2), frames.UDP)] * count, frames.plain(60))
        shown = case.polycube()[0]
        case.assertEqual((list(shown), shown["SEEN"]), (["SEEN", "WAY"], [count]))
        case.assertEqual([row["key"] for row in shown["WAY"]], [0])


WITH_MACRO = DECHAINY.replace("uint64_t, SEEN, 1", "uint64_t, SEEN, ENTRIES").replace(
    "EXPORT, SWAP, EMPTY", "EXPORT")


@session(WITH_MACRO, "--define", "ENTRIES=1 + 2", "--define", "UNUSED")
def a_macro_of_the_command_line_is_in_the_code(case, _):
    case.assertEqual(case.polycube()[0]["SEEN"], [0] * 3)
