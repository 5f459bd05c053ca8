// SPDX-License-Identifier: BSD-2-Clause
#include "policy/calls.hpp"

#include <linux/pkt_cls.h>

#include "object/object.hpp"

namespace dynmon::policy {

namespace {

constexpr std::int32_t for_each_map_elem = 164;
constexpr std::int32_t timer_set_callback = 170;
constexpr std::int32_t user_ringbuf_drain = 209;
constexpr std::uint64_t tc_redirect = 7; // TC_ACT_REDIRECT

Value value_of_map(std::optional<std::size_t> map) {
    Value value = Value::pointer(kind::map_value);
    value.map = map;
    return value;
}

} // namespace

Value Calls::looked_up(const Value& map) const {
    Value found = Value::pointer_or_null(kind::map_value);
    found.map = map.map;
    if (map.map == Value::inner_map)
        return found;
    if (!map.map || *map.map >= object_.maps().size()) {
        found.kinds |= kind::map | kind::kernel;
        return found;
    }
    switch (object_.maps()[*map.map].type) {
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
        found = Value::pointer_or_null(kind::map);
        found.map = Value::inner_map;
        return found;
    case BPF_MAP_TYPE_SOCKMAP:
    case BPF_MAP_TYPE_SOCKHASH:
        return Value::pointer_or_null(kind::socket);
    case BPF_MAP_TYPE_XSKMAP:
        return Value::pointer_or_null(kind::kernel);
    default:
        return found;
    }
}

Value Calls::result_of(const Helper& helper, const State& state) const {
    switch (helper.result) {
    case Result::value:
        return looked_up(state.registers[1]);
    case Result::socket:
        return Value::pointer_or_null(kind::socket);
    case Result::kernel:
        return Value::pointer_or_null(kind::kernel);
    case Result::memory:
        return Value::pointer_or_null(kind::memory);
    case Result::redirected:
        return program_.type == BPF_PROG_TYPE_XDP ? Value::of_numbers({XDP_ABORTED, XDP_REDIRECT})
                                                  : Value::of_numbers({TC_ACT_SHOT, tc_redirect});
    case Result::number:
        break;
    }
    return Value::any();
}

void Calls::call_helper(std::size_t at, const Helper& helper, State& state) const {
    const std::string name = helper_name(helper.number);
    if (!helper.allowed)
        findings_.add(at, std::nullopt, name);
    else if (helper.power)
        findings_.add(at, helper.power, name);
    if (helper.output != 0)
        memory_.output(at, name, state.registers[helper.output], state);
    else if (!helper.allowed) // nothing is known of what it writes
        for (unsigned i = 1; i <= 5; ++i)
            if (state.registers[i].may_be(kind::stack))
                state.scrub(state.registers[i]);
    const Value result = result_of(helper, state);
    state.forget(1, 5);
    state.registers[0] = result;
}

void Calls::call_kernel_function(std::size_t at, const std::string& name, State& state) const {
    const bool counts = name.starts_with("bpf_iter_num_"); // the iterator of bpf_for()
    findings_.add(at, counts ? std::optional(Power::loops) : std::nullopt,
                  "the kernel function " + name);
    for (unsigned i = 1; i <= 5; ++i)
        if (state.registers[i].may_be(kind::stack))
            state.scrub(state.registers[i]);
    state.forget(1, 5);
    state.registers[0] = counts ? Value::pointer_or_null(kind::memory) : Value::any();
}

bool Calls::is_hand_over(const State& state) const {
    const Value& map = state.registers[2];
    const Value& slot = state.registers[3];
    return state.registers[1].is_only(kind::context) && map.is_only(kind::map) && map.map &&
           *map.map < object_.maps().size() && slot.is_only(kind::slot) &&
           object_.maps()[*map.map].name == chain_map_name &&
           object_.maps()[*map.map].type == BPF_MAP_TYPE_PROG_ARRAY;
}

State Calls::callback_state(const Helper& helper, const State& state) const {
    State inside = state;
    const std::array<Value, register_count>& given = state.registers;
    inside.forget(1, 5);
    auto& r = inside.registers;
    switch (helper.number) {
    case for_each_map_elem: // the map, the key, the value, the context
        r[1] = given[1];
        r[2] = Value::pointer(kind::memory);
        r[3] = value_of_map(given[1].map);
        r[4] = given[3];
        break;
    case timer_set_callback: // the map, the key, the value
        r[1] = Value::pointer(kind::map);
        r[1].map = given[1].map;
        r[2] = Value::pointer(kind::memory);
        r[3] = value_of_map(given[1].map);
        break;
    case user_ringbuf_drain: // the sample, the context
        r[1] = Value::pointer(kind::memory);
        r[2] = given[3];
        break;
    default: // bpf_loop: the turn, the context
        r[2] = given[3];
    }
    return inside;
}

} // namespace dynmon::policy
