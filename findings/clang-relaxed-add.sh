#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# clang 22 for BPF compiles a relaxed __atomic_fetch_add() whose result is used to an addition that
# gives no result: the program goes on with the amount in the place of the old value. Seen with
# Debian 12's clang-22 22.1.8, from -mcpu=v3 on, which is its default. It meets every program that
# takes numbers from a counter, such as tickets or sequence numbers: each gets the same one, and the
# counter itself is right. The plausible guess: as with -mcpu=v2 ("Invalid usage of the XADD return value") it is an
# error, or, as in clang 14 to 19 and as __sync_fetch_and_add() still is, an instruction that gives the
# old value.
set -euo pipefail

version=1:22.1.8-1~deb12u1
versions=("clang-22=$version" "libclang-cpp22=$version" "libllvm22=$version"
    "libclang-common-22-dev=$version" "llvm-22-linker-tools=$version" "libclang1-22=$version")
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
export LD_LIBRARY_PATH="${libraries[0]}:$work/root/usr/lib/llvm-22/lib"
clang=$work/root/usr/lib/llvm-22/bin/clang

cat > "$work/ticket.c" <<'C'
unsigned long long counter;
unsigned long long ticket(void) { return __atomic_fetch_add(&counter, 5, __ATOMIC_RELAXED); }
C
for cpu in v3 v4; do
    echo "$cpu"
    "$clang" -target bpf -mcpu=$cpu -O2 -S "$work/ticket.c" -o - | sed -n 's/^\t\(\(r0\|lock\|exit\).*\)/\1/p'
done > "$work/seen"
cat "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed"; exit 1; }
v3
r0 = 5
lock *(u64 *)(r1 + 0) += r0
exit
v4
r0 = 5
lock *(u64 *)(r1 + 0) += r0
exit
SEEN
