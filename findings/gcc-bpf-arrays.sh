#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# bpf-gcc 12 writes the dimensions of an array of arrays into BTF the wrong way round: int grid[2][3]
# is three lists of two. Seen with Debian 12's gcc-bpf 12.2.0; clang has them as C says. It hits
# every program that decodes values of such an object by its BTF: the bytes are all there, in other rows, and no
# size is wrong, so that nothing can tell. Arrays of one dimension are right.
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

echo 'int grid[2][3] = {{1}};' > "$work/grid.c"
bpf-gcc -gbtf -O2 -c "$work/grid.c" -o "$work/grid.o"
LD_LIBRARY_PATH='' bpftool btf dump file "$work/grid.o" format raw | grep -o 'ARRAY.*' |
    sed 's/ index_type_id=[0-9]*//' > "$work/seen"
cat "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "the behaviour has changed"; exit 1; }
ARRAY '(anon)' type_id=1 nr_elems=2
ARRAY '(anon)' type_id=3 nr_elems=3
SEEN
