#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Archives are read by Python's zipfile, also where every number is written as ZIP64.

usage: zip_test.py BINARY   (BINARY LIMIT prints an archive)
"""
import io
import subprocess
import sys
import zipfile

SIZES = (0, 10, 3 * 2**20 + 5)


def content(size):
    pieces = [bytes([ord("a") + i % 26]) * min(1000, size - 1000 * i)
              for i in range((size + 999) // 1000)]
    return b"head" + b"".join(pieces)


def main():
    archives = {limit: subprocess.run([sys.argv[1], limit], check=True, capture_output=True).stdout
                for limit in ("4294967295", "1000", "1")}
    for limit, data in archives.items():
        archive = zipfile.ZipFile(io.BytesIO(data))
        assert archive.testzip() is None, limit
        assert archive.namelist() == [f"in/{size}" for size in SIZES], archive.namelist()
        for size in SIZES:
            assert archive.read(f"in/{size}") == content(size), (limit, size)
        large = [info.filename for info in archive.infolist() if info.extra]
        assert (large == []) == (limit == "4294967295"), (limit, large)
    assert archives["1"].count(b"PK\6\6") == 1 and b"PK\6\6" not in archives["4294967295"]
    print(f"{len(archives)} archives of {len(SIZES)} files")


if __name__ == "__main__":
    main()
