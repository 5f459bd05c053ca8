// SPDX-License-Identifier: BSD-2-Clause
// The shape of a verb: what it is called, which options it has, what it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/settings.hpp"

namespace dynmon {

// Options that every verb has.
struct Global {
    Settings settings;
    bool json = false; // result on stdout and error on stderr as JSON
};

class Verb {
public:
    virtual ~Verb() = default;
    virtual const char* name() const = 0;
    virtual const char* summary() const = 0;   // one line of --help
    virtual const char* example() const = 0;   // below the options
    virtual void declare(CLI::App& app) = 0;   // options and arguments, into members
    virtual int run(const Global& global) = 0; // exit code; throws Error
};

// In the order of the data's way, which is the order of --help.
std::vector<std::unique_ptr<Verb>> all_verbs();

std::unique_ptr<Verb> make_new_verb();
std::unique_ptr<Verb> make_import_verb();
std::unique_ptr<Verb> make_check_verb();
std::unique_ptr<Verb> make_load_verb();
std::unique_ptr<Verb> make_replace_verb();
std::unique_ptr<Verb> make_apply_verb();
std::unique_ptr<Verb> make_read_verb();
std::unique_ptr<Verb> make_export_verb();
std::unique_ptr<Verb> make_dump_verb();
std::unique_ptr<Verb> make_stream_verb();
std::unique_ptr<Verb> make_set_verb();
std::unique_ptr<Verb> make_delete_verb();
std::unique_ptr<Verb> make_deny_verb();
std::unique_ptr<Verb> make_allow_verb();
std::unique_ptr<Verb> make_model_verb();
std::unique_ptr<Verb> make_status_verb();
std::unique_ptr<Verb> make_unload_verb();
std::unique_ptr<Verb> make_recover_verb();
std::unique_ptr<Verb> make_doctor_verb();

} // namespace dynmon
