#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makefile.bpf: what it builds, what it rebuilds, what it leaves alone and how it fails.
# usage: makefile_test.sh MAKEFILE
set -u
makefile=$(realpath "$1")
source=$(dirname "$makefile")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKELEVEL BUILD PROBES CLANG ARCH BPF_CFLAGS V
failures=0

check() { # check WHAT COMMAND…: COMMAND succeeds
    what=$1
    shift
    if "$@"; then
        echo "ok    $what"
    else
        echo "FAIL  $what"
        sed 's/^/      | /' "$work/log"
        failures=$((failures + 1))
    fi
}
refuse() { ! "$@"; }
build() { make -f "$tree/Makefile.bpf" "$@" >"$work/log" 2>&1; }
built() { test -s "$1/$2.bpf.o" && test -s "$1/$2.skel.h"; }
says() { grep -q -- "$1" "$work/log"; }
steps() { grep -cE '^  (CLANG|SKEL|COPY|MINBTF) ' "$work/log"; }
rebuilds() { test "$(steps)" -eq "$1"; }

# A tree of our own, so that touching a header disturbs no other test.
tree=$work/tree
mkdir -p "$tree/probes"
cp -r "$source/Makefile.bpf" "$source/bpf" "$source/vmlinux" "$tree/"
cp -r "$source/probes/packets" "$source/probes/flows" "$tree/probes/"

cd "$tree" || exit 1
check "the tree builds" build BUILD="$work/out"
check "a probe's folder holds its object and skeleton" built "$work/out/probes/packets" packets
check "… and its manifest" cmp -s probes/packets/probe.yaml "$work/out/probes/packets/probe.yaml"
check "… and its README" cmp -s probes/packets/README.md "$work/out/probes/packets/README.md"
check "the pivot is built" built "$work/out/bpf" pivot
check "one quiet line a step" says '^  CLANG    packets.bpf.o$'
check "the object has no DWARF" refuse \
    sh -c "readelf -S '$work/out/probes/packets/packets.bpf.o' 2>/dev/null | grep -q debug_info"
check "the object has BTF" sh -c \
    "bpftool btf dump file '$work/out/probes/flows/flows.bpf.o' | grep -q dynmon_ip_t"

build BUILD="$work/out"
check "an unchanged tree rebuilds nothing" rebuilds 0
check "… and a second make says so" says "Nothing to be done"
build BUILD="$work/out" V=1
check "… nor with V=1" says "Nothing to be done"

touch bpf/packet.h
build BUILD="$work/out"
check "a header rebuilds the probe that includes it, and only that" rebuilds 2
check "… which is flows" says flows.bpf.o
echo "# changed" >>probes/packets/probe.yaml
build BUILD="$work/out"
check "a changed manifest is copied again, nothing else" rebuilds 1
check "… as it is" cmp -s probes/packets/probe.yaml "$work/out/probes/packets/probe.yaml"
build BUILD="$work/out" BPF_CFLAGS=-DSOMETHING
check "changed flags rebuild every object" rebuilds 6
build BUILD="$work/out" BPF_CFLAGS=-DSOMETHING
check "… once" rebuilds 0
rm "$work/out/probes/packets/packets.skel.h"
build BUILD="$work/out" BPF_CFLAGS=-DSOMETHING
check "a lost skeleton is made again" rebuilds 1
CFLAGS=-not-for-bpf build BUILD="$work/shown" V=1
check "CFLAGS of the host's compiler are left alone" refuse says '-not-for-bpf'
check "V=1 shows the commands" says ' -target bpf .* -o '

mkdir probes/alpha
echo 'int broken(void) { return this_is_not_declared; }' >probes/alpha/alpha.bpf.c
cp -r probes/packets probes/zulu && mv probes/zulu/packets.bpf.c probes/zulu/zulu.bpf.c
check "a broken probe fails the build" refuse build BUILD="$work/broken"
check "… with the compiler's message" says 'this_is_not_declared'
check "… and its file and line" says 'alpha.bpf.c:1:'
check "… leaves no object" refuse test -e "$work/broken/probes/alpha/alpha.bpf.o"
check "… no skeleton" refuse test -e "$work/broken/probes/alpha/alpha.skel.h"
check "… and all others are built" built "$work/broken/probes/zulu" zulu
check "… also the pivot" built "$work/broken/bpf" pivot
check "it still fails when nothing else is left to do" refuse build BUILD="$work/broken"
printf '#include "dynmon.h"\nDYNMON_INGRESS(a) { return DYNMON_PASS; }\n' >probes/alpha/alpha.bpf.c
check "mended, it builds" build BUILD="$work/broken"
sed -i 's/DYNMON_PASS/DYNMON_PAS/' probes/alpha/alpha.bpf.c
check "broken again, it fails" refuse build BUILD="$work/broken"
check "… and the last good object is still whole" built "$work/broken/probes/alpha" alpha

# A user's own folder, from another directory.
mkdir -p "$work/user/mine/my-probe" "$work/user/mine/notes"
cp probes/packets/packets.bpf.c "$work/user/mine/my-probe/my-probe.bpf.c"
cd "$work/user" || exit 1
printf '#define ANSWER 42\n' >"$work/user/mine/my-probe/answer.h"
echo '#include "answer.h"' >>"$work/user/mine/my-probe/my-probe.bpf.c"
check "PROBES= builds a user's folder, relative to where one is" build PROBES=mine
check "… into ./build" built "$work/user/build/probes/my-probe" my-probe
check "… without our probes" refuse test -e "$work/user/build/probes/flows"
check "… nor the pivot" refuse test -e "$work/user/build/bpf"
check "… a dash in the name gives a C name" \
    grep -q 'struct my_probe_bpf {' "$work/user/build/probes/my-probe/my-probe.skel.h"
check "… and a header of the probe goes where its source goes" \
    cmp -s mine/my-probe/answer.h build/probes/my-probe/answer.h
build PROBES="$work/user/mine"
check "an absolute path is the same folder: nothing to do" rebuilds 0
echo '#define MORE 43' >>mine/my-probe/answer.h
build PROBES=mine
check "a changed header of the probe is copied and rebuilds it" rebuilds 3
check "a built folder is one that builds" build PROBES=build/probes BUILD=again
check "… without a word" refuse says warning
check "make -C works" sh -c "make -C '$work/user' -f '$tree/Makefile.bpf' PROBES=mine BUILD=other \
    >'$work/log' 2>&1 && test -s '$work/user/other/probes/my-probe/my-probe.bpf.o'"
mkfifo mine/my-probe/waits.h
check "a FIFO among the files is an error" refuse \
    sh -c "timeout 20 make -f '$tree/Makefile.bpf' PROBES=mine >'$work/log' 2>&1"
check "… that names it" says "not $work/user/mine/my-probe/waits.h"
rm mine/my-probe/waits.h
check "clean removes what was made" build PROBES=mine clean
check "… all of it" refuse test -e "$work/user/build/probes/my-probe/my-probe.bpf.o"

check "a folder without probes is an error" refuse build PROBES="$work/user/mine/notes"
check "… that shows what was expected" says '<name>/<name>.bpf.c'
check "a missing compiler is an error" refuse build PROBES=mine CLANG=no-such-clang
check "… that says what is needed" says 'clang 14 or later'
check "an unknown architecture is an error" refuse build PROBES=mine ARCH=vax
check "… that lists the known ones" says 'arm64 x86\|x86 arm64'
check "ARCH=arm64 builds" build PROBES=mine ARCH=arm64 BUILD=arm

# Names of folders and headers are not executed, by make or by a shell.
named() { # named FOLDER PROBE: a folder with a probe of that name
    mkdir -p "$1/$2" && cp "$work/user/mine/my-probe/my-probe.bpf.c" "$1/$2/$2.bpf.c" &&
        cp "$work/user/mine/my-probe/answer.h" "$1/$2/"
}
# PROMISES:
# F-8 `Makefile.bpf PROBES=DIR` takes names
ran() { test -n "$(find "$work/user" -name '*ran*' ! -path "$work/user/names*")"; }
number=0
for name in '$(shell touch ran)' '$(shell${IFS}touch${IFS}ran)' 'a;touch ran' 'a$(touch${IFS}ran)' \
    '`id>ran`' 'a|id>ran' "a'b" 'a b' '-o' 'a%b' 'a:b' 'a=b' 'a#b' 'é' '*'; do
    number=$((number + 1))
    named "names-$number" "$name"
    check "a probe called $name is an error" refuse build PROBES="names-$number"
    check "… that says which names are good" says 'A-Z a-z 0-9 _ -'
    check "… and runs nothing" refuse ran
done
for name in '$(shell${IFS}touch${IFS}ran).h' 'a;touch ran.h' '`id>ran`.h' 'a|id>ran&.h' "a'b.h" 'a b.h' \
    'a.h b.h' 'a%b.h' 'a:b.h'; do
    number=$((number + 1))
    named "names-$number" good
    echo >"names-$number/good/$name"
    check "a header called $name is an error" refuse build PROBES="names-$number"
    check "… that says which names are good" says "A-Z a-z 0-9 _ - . +"
    check "… and runs nothing" refuse ran
done
named names-deep good
mkdir names-deep/good/sub
for name in 'a;id>ran;.h' '$(shell touch ran).h'; do
    echo >"names-deep/good/sub/$name"
    echo "#include \"sub/$name\"" >>names-deep/good/good.bpf.c
    check "a header called $name that a source includes is an error" refuse build \
        PROBES=names-deep BUILD=names-out
    check "… that names it" says "$(printf %.7s "$name")"
    check "… again when make reads what is left" refuse build PROBES=names-deep BUILD=names-out
    check "… and runs nothing" refuse ran
done
for name in 'names-$(shell touch ran)' 'names-;touch ran' "names-a'b" 'names-$$a' 'names-a=b'; do
    named "$name" good
    check "a folder called $name is an error" refuse build PROBES="$name"
    check "… also to build in" refuse build PROBES=mine BUILD="$name"
    check "… and runs nothing" refuse ran
done
check "a folder of another language is none" sh -c "cp -r mine names-ü"
check "… and builds" build PROBES=names-ü BUILD=names-out/ü
rm -rf names-*

# What a kernel without BTF of its own is given.
cp -r "$source/tests/e2e/probes/core" mine/
cp /sys/kernel/btf/vmlinux one.btf
cp one.btf two.btf
check "min-btf takes what the probes need from the BTF of kernels" build PROBES=mine min-btf \
    BTF="one.btf two.btf"
check "… a file a kernel" cmp build/btf/one.btf build/btf/two.btf
check "… that has the type and the field that a probe needs" sh -c \
    "bpftool btf dump file build/btf/one.btf | grep -A1 \"STRUCT 'sk_buff'\" | grep -q \"'len'\""
check "… and not the thousands of others" sh -c "test \$(stat -c %s build/btf/one.btf) -lt 1000"
build PROBES=mine min-btf BTF="one.btf two.btf"
check "… and makes nothing again" rebuilds 0
check "min-btf without a file is an error" refuse build PROBES=mine min-btf
check "… that says what it wants" says 'BTF="FILE'
printf 'no BTF' >broken.btf
check "a file that is no BTF is an error" refuse build PROBES=mine min-btf BTF=broken.btf
check "… and leaves nothing" refuse test -e build/btf/broken.btf
check "a file that is not there is an error" refuse build PROBES=mine min-btf BTF=absent.btf
check "… that names it" says absent.btf
mkdir other-place && cp one.btf other-place/
check "two files of one name are an error" refuse build PROBES=mine min-btf \
    BTF="one.btf other-place/one.btf"
rm -r mine/core

# The newest compiler on PATH wins, whatever it is called.
mkdir "$work/bin"
real=$(command -v clang || ls /usr/bin/clang-[0-9]* | head -n 1)
for version in 14 77; do
    printf '#!/bin/sh\n[ "$1" = -dumpversion ] && echo %s.0.1 && exit\nexec %s "$@"\n' \
        $version "$real" >"$work/bin/clang-$version"
done
chmod +x "$work/bin"/*
PATH=$work/bin:$PATH build PROBES=mine BUILD=newest V=1
check "the newest clang found is used" says 'bin/clang-77 '
printf '#!/bin/sh\necho 13.0.1\n' >"$work/bin/clang-13"
chmod +x "$work/bin/clang-13"
check "a compiler that is too old is refused" refuse build PROBES=mine CLANG="$work/bin/clang-13"
check "… and told its version" says "'13.0.1'"

# Installed: the Makefile under share/, the headers under include/.
mkdir -p "$work/prefix/share/dynmon" "$work/prefix/include/dynmon"
cp "$tree/Makefile.bpf" "$work/prefix/share/dynmon/"
cp -r "$tree/bpf" "$tree/vmlinux" "$work/prefix/include/dynmon/"
tree=$work/prefix/share/dynmon
check "an installed copy finds its headers" build PROBES=mine BUILD=installed
check "… and builds" built "$work/user/installed/probes/my-probe" my-probe

echo "$failures failed"
test "$failures" -eq 0
