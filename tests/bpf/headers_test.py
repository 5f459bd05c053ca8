#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the headers of a probe take and refuse, by compiling small programs; loads nothing.

usage: headers_test.py CLANG SOURCE_DIR DYNMON_LOAD
"""
import pathlib
import platform
import subprocess
import sys
import tempfile
import unittest

CLANG, SOURCE, DYNMON = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
ARCH = {"x86_64": "x86", "aarch64": "arm64"}[platform.machine()]

TABLE = """
struct id {{ __u32 a; __u32 b; }};
struct seen {{ __u64 packets; }};
struct {{
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, {key});
    __type(value, {value});
}} TABLE SEC(".maps");
"""
LOOKUP = """
DYNMON_INGRESS(count) {
    struct id id = {};
    const struct seen none = {};
    struct seen* seen = dynmon_lookup_or_init(%s, &id, &none);

    if (seen)
        seen->packets++;
    return DYNMON_PASS;
}
"""
WRONG_KEY = "the key is of another type than the map's keys"
WRONG_VALUE = "the value is of another type than the map's values"


class HeaderCase(unittest.TestCase):
    def compiled(self, text, *flags):
        """The object, and what the compiler said; no object: it refused."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        source, target = (pathlib.Path(folder.name) / name for name in ("p.bpf.c", "p.bpf.o"))
        source.write_text(text)
        result = subprocess.run(
            [CLANG, "-target", "bpf", "-O2", "-g", "-std=gnu11", "-Wall", "-Werror",
             f"-I{SOURCE}/bpf", f"-isystem/usr/include/{platform.machine()}-linux-gnu", *flags,
             "-c", str(source), "-o", str(target)], capture_output=True, text=True)
        return (target if result.returncode == 0 else None), result.stderr


class TypedTest(HeaderCase):
    def build(self, text):
        return self.compiled('#include "dynmon.h"\n#include "session.h"\n' + text,
                             f"-I{SOURCE}/vmlinux/{ARCH}")

    def lookup(self, key="struct id", value="struct seen", table="&TABLE"):
        return self.build(TABLE.format(key=key, value=value) + LOOKUP % table)

    def assert_refused(self, built, why):
        self.assertIsNone(built[0])
        self.assertIn(why, built[1])

    def test_the_types_of_the_map_are_taken(self):
        built, said = self.lookup()
        self.assertIsNotNone(built, said)

    def test_another_key_or_value_is_refused_by_a_sentence(self):
        self.assert_refused(self.lookup(key="__u64"), WRONG_KEY)  # of the same size
        self.assert_refused(self.lookup(key="__u32"), WRONG_KEY)
        self.assert_refused(self.lookup(value="__u64"), WRONG_VALUE)

    def test_a_map_of_which_only_the_address_is_known_is_its_authors_word(self):
        built, said = self.lookup(key="__u64", table="(void*)&TABLE")
        self.assertIsNotNone(built, said)

    def session(self, key, servers="SERVERS"):
        return self.build(TABLE.format(key=key, value="struct seen") + f"""
DYNMON_SERVERS(SERVERS, 16);
DYNMON_INGRESS(count) {{
    struct dynmon_headers headers;
    struct dynmon_session_key key;
    struct dynmon_server server;
    struct seen none = {{}};
    bool reverse;

    if (dynmon_parse(pkt, &headers) != DYNMON_IP)
        return DYNMON_PASS;
    reverse = dynmon_session_key(&key, &headers);
    dynmon_new_session(&TABLE, &{servers}, &key, &headers, reverse, &none, &server);
    return DYNMON_PASS;
}}
""")

    def test_tables_of_sessions_and_servers_are_compared_too(self):
        built, said = self.session("struct dynmon_session_key")
        self.assertIsNotNone(built, said)
        self.assert_refused(self.session("struct id"), WRONG_KEY)
        self.assert_refused(self.session("struct dynmon_session_key", "TABLE"), WRONG_VALUE)


class BareTest(HeaderCase):
    def test_c_that_brings_its_own_structs_has_entry_chain_and_clock(self):
        built, said = self.compiled('#include "bare.h"\nstruct iphdr { __u8 first; };\n' +
                                    TABLE.format(key="__u32", value="__u64") + """
DYNMON_TC(bare, DYNMON_DIRECTION_INGRESS) {
    const struct iphdr* ip = (void*)(long)ctx->data + 14;
    const __u64 now = dynmon_now();
    __u32 version;
    __u64* last;

    if ((const void*)(ip + 1) > (const void*)(long)ctx->data_end)
        return DYNMON_PASS;
    version = ip->first >> 4;
    last = dynmon_lookup_or_init(&TABLE, &version, &now);
    if (last)
        *last = now;
    return DYNMON_PASS;
}

DYNMON_XDP(bare_xdp) {
    return ctx->data ? DYNMON_PASS : DYNMON_DROP;
}
""")
        self.assertIsNotNone(built, said)
        check = subprocess.run([DYNMON, "check", str(built)], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stderr)
        self.assertTrue(check.stdout.startswith(f"{built}: good\n"), check.stdout)

    def test_both_headers_at_once_are_refused(self):
        built, said = self.compiled('#include "dynmon.h"\n#include "bare.h"\n',
                                    f"-I{SOURCE}/vmlinux/{ARCH}")
        self.assertIsNone(built)
        self.assertIn("bare.h stands in the place of dynmon.h", said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
