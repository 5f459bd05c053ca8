#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# libbpf sets BPF_F_XDP_HAS_FRAGS by the name of a program's section when it loads it, also after
# bpf_program__set_flags() has cleared it. Seen with Debian 12's libbpf 1.1.2. It meets a loader that
# puts programs of others into a PROG_ARRAY: the kernel takes only programs there that agree in this
# flag, and says EINVAL to a program of section "xdp.frags" beside others. The plausible guess: the
# flags that bpf_program__flags() returns are those that the kernel gets, and a changed type makes
# libbpf forget the section, as it does from 1.2 on. Instead nothing but another name of the section
# keeps the flag away.
set -euo pipefail

versions=(libbpf1=1:1.1.2-0+deb12u1 libbpf-dev=1:1.1.2-0+deb12u1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && apt-get download -qq "${versions[@]}") 2>/dev/null; then
    echo "version changed: the archive has no ${versions[*]} any more"
    exit 1
fi
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$work/root"
done
libraries=("$work"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH="${libraries[0]}"

cat > "$work/frags.bpf.c" <<'C'
#define SEC(name) __attribute__((section(name), used))
char LICENSE[] SEC("license") = "GPL";
SEC("xdp.frags") int program(void *context) { return 2; }
C
clang -target bpf -g -O2 -c "$work/frags.bpf.c" -o "$work/frags.bpf.o"
cat > "$work/load.c" <<'C'
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int count, char **words) {
    struct bpf_object *object = bpf_object__open(words[1]);
    struct bpf_program *program = bpf_object__next_program(object, NULL);

    bpf_program__set_type(program, BPF_PROG_TYPE_UNSPEC);
    bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
    bpf_program__set_flags(program, 0);
    printf("flags before the load: %u\n", bpf_program__flags(program));
    return bpf_object__load(object) != 0;
}
C
gcc -I"$work/root/usr/include" "$work/load.c" -o "$work/load" -L"${libraries[0]}" -l:libbpf.so.1
{
    "$work/load" "$work/frags.bpf.o"
    strace -X raw -e trace=bpf "$work/load" "$work/frags.bpf.o" 2>&1 >/dev/null |
        sed -n '/prog_name="program"/s/.*prog_flags=\(0x[0-9a-f]*\|0\).*/flags that the kernel gets: \1/p'
} > "$work/seen"
cat "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed"; exit 1; }
flags before the load: 0
flags that the kernel gets: 0x20
SEEN
