// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "import/plan.hpp"

namespace dynmon {

namespace {

DeclaredTable table(const std::string& name, const std::string& kind, bool shared = false) {
    DeclaredTable made;
    made.name = name;
    made.kind = kind;
    made.shared = shared;
    made.keyless = kind == "queue";
    made.line = 7;
    return made;
}

struct Two {
    explicit Two(std::vector<DeclaredTable> ingress, std::vector<DeclaredTable> egress) {
        in.direction = Direction::ingress;
        out.direction = Direction::egress;
        paths.resize(2);
        paths[0].path = &in;
        paths[0].scanned.tables = std::move(ingress);
        paths[1].path = &out;
        paths[1].scanned.tables = std::move(egress);
    }
    const PlannedPath& of(Direction direction) const {
        return paths[0].path->direction == direction ? paths[0] : paths[1];
    }
    const PlannedTable& ingress(const char* name) const {
        return *of(Direction::ingress).table(name);
    }
    const PlannedTable& egress(const char* name) const {
        return *of(Direction::egress).table(name);
    }

    DocumentPath in, out;
    std::vector<PlannedPath> paths;
    std::vector<std::string> remarks;
};

} // namespace

TEST_CASE("an extern table is of the kind that its owner says, and is weak behind it") {
    Two two({table("T", "lru_hash", true)}, {table("T", "extern")});
    plan_tables(two.paths, two.remarks);
    CHECK(two.paths[0].path == &two.in);
    CHECK((two.egress("T").kind == "lru_hash" && two.egress("T").weak && !two.egress("T").owned));
    CHECK((!two.ingress("T").weak && two.remarks.empty()));
}

TEST_CASE("the path that owns is linked first") {
    Two two({table("T", "extern")}, {table("T", "hash")});
    plan_tables(two.paths, two.remarks);
    CHECK(two.paths[0].path == &two.out);
    CHECK((two.ingress("T").weak && !two.egress("T").weak && two.ingress("T").kind == "hash"));
}

TEST_CASE(
    "where each owns what the other uses, the first one defines both, and a remark names them") {
    Two two({table("A", "hash", true), table("B", "extern")},
            {table("A", "extern"), table("B", "array", true)});
    plan_tables(two.paths, two.remarks);
    CHECK(two.paths[0].path == &two.in);
    CHECK((!two.ingress("A").weak && !two.ingress("B").weak));
    CHECK((two.egress("A").weak && two.egress("B").weak && two.ingress("B").kind == "array"));
    CHECK(two.remarks ==
          std::vector<std::string>{"The map `B` has the size that the ingress path says."});
}

TEST_CASE("two private tables of one name are two maps") {
    Two two({table("C", "array"), table("C_EGRESS", "array")}, {table("C", "array")});
    plan_tables(two.paths, two.remarks);
    CHECK(two.ingress("C").label == "C");
    CHECK((two.egress("C").label == "C_EGRESS_2" && !two.egress("C").weak));
    CHECK(two.remarks.size() == 1);
}

TEST_CASE("tables that both paths share are one map") {
    Two two({table("C", "array", true)}, {table("C", "array", true)});
    plan_tables(two.paths, two.remarks);
    CHECK((two.egress("C").label == "C" && two.egress("C").weak && !two.egress("C").owned));
}

TEST_CASE("what is lost of a queue is counted under a name that is free") {
    Two two({table("Q", "queue"), table("Q_lost", "array")}, {});
    two.paths.pop_back();
    plan_tables(two.paths, two.remarks);
    CHECK(two.ingress("Q").lost == "Q_lost_");
}

TEST_CASE("an extern table that nothing defines is a fault at its place") {
    for (const char* other : {"extern", "none"}) {
        Two two({table("T", "extern")},
                {table(other == std::string("none") ? "U" : "T", "extern")});
        try {
            plan_tables(two.paths, two.remarks);
            CHECK(false);
        } catch (const PathFault& fault) {
            CHECK((fault.path == &two.in && fault.fault.line == 7));
            CHECK(fault.fault.message.starts_with("table 'T' is \"extern\""));
        }
    }
    Two kinds({table("T", "extern")}, {table("T", "queue")});
    CHECK_THROWS_AS(plan_tables(kinds.paths, kinds.remarks), PathFault);
}

TEST_CASE("the author's code stands in the source as it is") {
    Two two({table("T", "hash")}, {});
    two.paths.pop_back();
    two.in.code.text = "int x;\nint y;";
    plan_tables(two.paths, two.remarks);
    const std::string source = planned_source(two.paths[0], false, "ingress.c");
    CHECK(source.find("#line 1 \"ingress.c\"\nint x;\nint y;\n#pragma") != std::string::npos);
    CHECK(source.find("#define dynmon_type_T BPF_MAP_TYPE_HASH\n") != std::string::npos);
    CHECK(source.find("#define DYNMON_MAY_DROP 0\n") != std::string::npos);
    CHECK(source.find("increment") == std::string::npos);
}

} // namespace dynmon
