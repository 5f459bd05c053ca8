// SPDX-License-Identifier: BSD-2-Clause
#include "cli/verb.hpp"

namespace dynmon {

std::vector<std::unique_ptr<Verb>> all_verbs() {
    std::vector<std::unique_ptr<Verb>> verbs;
    verbs.push_back(make_new_verb());
    verbs.push_back(make_import_verb());
    verbs.push_back(make_check_verb());
    verbs.push_back(make_load_verb());
    verbs.push_back(make_replace_verb());
    verbs.push_back(make_apply_verb());
    verbs.push_back(make_read_verb());
    verbs.push_back(make_export_verb());
    verbs.push_back(make_dump_verb());
    verbs.push_back(make_stream_verb());
    verbs.push_back(make_set_verb());
    verbs.push_back(make_delete_verb());
    verbs.push_back(make_deny_verb());
    verbs.push_back(make_allow_verb());
    verbs.push_back(make_model_verb());
    verbs.push_back(make_status_verb());
    verbs.push_back(make_unload_verb());
    verbs.push_back(make_recover_verb());
    verbs.push_back(make_doctor_verb());
    return verbs;
}

} // namespace dynmon
