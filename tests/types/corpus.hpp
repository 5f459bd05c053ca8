// SPDX-License-Identifier: BSD-2-Clause
// The corpus: values that a compiler wrote, and how each is to be shown.
//
// A case in cases/NAME.cases belongs to the variable of that name in bpf/NAME.bpf.c:
//
//     = seen
//     format value time_s       what a manifest would say, any number of times
//     people "2026-11-21T01:02:03Z"
//     raw    1795222923
//     csv    value | 2026-11-21T01:02:03Z
//     table  value | 2026-11-21T01:02:03Z
//
// with `strings` for --u64 string where that differs from `people`. Columns of tables are set apart
// by one blank, line breaks and tabs of CSV are ␊ and ␉. A new case is written by `dynmon-types
// --no-skip -tc=print*`, and then read.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <bpf/libbpf.h>

#include "btf/layout.hpp"
#include "format/exporter.hpp"
#include "object/object.hpp"

namespace dynmon::test {

struct Case {
    std::string name;
    Formats formats;
    std::map<std::string, std::string> expected; // by "people", "raw", "strings", "csv", "table"
};

// The cases of one file, in its order.
std::vector<Case> read_cases(const std::string& path);

std::vector<std::string> corpus_names();   // "integers", …: one file of cases and one source each
std::vector<std::string> object_folders(); // one a compiler

// One compiled source.
class Values {
public:
    explicit Values(const std::string& path);

    std::vector<std::string> names() const; // of the variables

    // Its layout, with eth0 as interface 7, and its bytes, which are owned by this.
    Layout layout(const std::string& name, const Formats& formats) const;
    const std::byte* bytes(const std::string& name) const;

private:
    struct Variable {
        std::uint32_t type_id = 0;
        std::uint32_t offset = 0;
        std::uint32_t size = 0;
    };
    Object object_;
    std::unique_ptr<bpf_object, decltype(&bpf_object__close)> opened_;
    const std::byte* data_ = nullptr;
    std::map<std::string, Variable> variables_;
};

// All that `expected` may have: what the exporters make of the value.
std::map<std::string, std::string> show(const Layout& layout, const std::byte* bytes);

} // namespace dynmon::test
