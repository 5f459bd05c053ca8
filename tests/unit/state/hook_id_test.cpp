// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "state/hook_id.hpp"

using namespace dynmon;

TEST_CASE("the directory name of a hook says namespace, device and point, and is read back") {
    for (const HookPoint point : {HookPoint::xdp, HookPoint::tc_ingress, HookPoint::tc_egress}) {
        const HookId id{4026531840, 3, point};
        CHECK(parse_hook_dir_name(hook_dir_name(id)) == id);
    }
    CHECK(hook_dir_name({4026531840, 3, HookPoint::tc_egress}) == "4026531840_3_tc-egress");
}

TEST_CASE("anything else in the hooks directory is not taken for a hook") {
    for (const char* name :
         {"", "__stage_12_1", "1_2", "1_2_", "1_2_lsm", "a_2_xdp", "1_b_xdp", "1__xdp", "1_2_xdp "})
        CHECK_MESSAGE(!parse_hook_dir_name(name).has_value(), name);
}

TEST_CASE("the same device number in two namespaces is two hooks") {
    CHECK(hook_dir_name({1, 2, HookPoint::xdp}) != hook_dir_name({2, 2, HookPoint::xdp}));
}
