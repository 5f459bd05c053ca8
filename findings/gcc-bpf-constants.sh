#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# bpf-gcc 12 puts a volatile constant into .data, where clang puts it into .rodata, and bpf-gcc 14.2
# too. Seen with Debian 12's gcc-bpf 12.2.0. It meets a BPF object with `const volatile` settings, as libbpf's skeletons
# have them, that is built with the other compiler. The plausible guess: const decides, so that the
# object has a .rodata map as always. Instead it has none: what fills in the settings by the map's
# name finds nothing, the variable can be changed while the program runs, and the verifier, for which
# it is no constant, walks the branches that a setting should have switched off. Only a constant that
# is not volatile goes into .rodata, and that one the compiler has folded into the code. An attribute
# section(".rodata") puts the other one there too, under a warning of the assembler.
set -euo pipefail

versions=(gcc-bpf=12.2.0-14+deb12u1+ binutils-bpf=2.40-2+1 libmpc3=1.3.1-1 libmpfr6=4.2.0-1
    libisl23=0.25-1.1)
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
export PATH="$work/root/usr/bin:$PATH"
bpf-gcc --version | head -n 1

cat > "$work/settings.c" <<'C'
const volatile int setting = 1;
const volatile int placed __attribute__((section(".rodata"))) = 1;
const int plain = 1;
__attribute__((section("tc"))) int program(void *context) { return setting + placed + plain; }
C
bpf-gcc -O2 -c "$work/settings.c" -o "$work/settings.o" 2>"$work/said"
grep -o "Warning: .*" "$work/said"

# The name of the section that a symbol is in.
section_of() {
    local number
    number=$(bpf-readelf -sW "$work/settings.o" | awk -v name="$1" '$8 == name { print $7 }')
    bpf-readelf -SW "$work/settings.o" | sed -n "s/^ *\[ *$number\] \([^ ]*\) .*/\1/p"
}
for name in setting placed plain; do
    echo "$name: $(section_of "$name")"
done > "$work/seen"
cat "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed"; exit 1; }
setting: .data
placed: .rodata
plain: .rodata
SEEN
