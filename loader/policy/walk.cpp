// SPDX-License-Identifier: BSD-2-Clause
#include "policy/walk.hpp"

#include "object/object.hpp"
#include "policy/instructions.hpp"

namespace dynmon::policy {

namespace {

// A probe of this repository takes some ten thousand steps. Values have up to 300 bytes, and
// hostile programs have many of them on the stacks of eight functions.
constexpr std::size_t most_steps = 1'000'000;
constexpr std::size_t most_kept = 2'000'000;   // values, of all states
constexpr std::size_t most_moved = 20'000'000; // values, from one state to the next
constexpr std::size_t most_contexts = 1024;
constexpr std::size_t most_depth = 8; // the verifier's

constexpr std::uint8_t function_call = 1; // BPF_PSEUDO_CALL
constexpr std::uint8_t kernel_call = 2;   // BPF_PSEUDO_KFUNC_CALL

unsigned size_of(const bpf_insn& insn) {
    constexpr std::array<unsigned, 4> sizes{4, 2, 1, 8}; // W, H, B, DW
    return sizes[BPF_SIZE(insn.code) >> 3];
}

bool is_jump(const bpf_insn& insn) {
    return BPF_CLASS(insn.code) == BPF_JMP || BPF_CLASS(insn.code) == BPF_JMP32;
}

bool is_value_or_null(const Value& value) {
    Value found = Value::pointer_or_null(kind::map_value);
    found.map = value.map;
    return value == found;
}

std::string code_text(const bpf_insn& insn) {
    constexpr const char* digits = "0123456789abcdef";
    return std::string("an instruction that dynmon does not know (code 0x") +
           digits[insn.code >> 4] + digits[insn.code & 15] + ")";
}

} // namespace

Walk::Walk(const Object& object, const ProgramInfo& program, const LinkedCode& code, bool may_drop)
    : code_(code), program_(program), memory_(object, program, may_drop, findings_),
      calls_(object, program, memory_, findings_) {
    const auto& insns = code.instructions();
    for (std::size_t at = 0; at < insns.size(); ++at) {
        if (insns[at].code == opcode::call)
            meets_.insert(at + 1); // where functions come back to
        else if (is_jump(insns[at]))
            meets_.insert(jump_target(at));
    }
}

void Walk::run() {
    const std::optional<std::size_t> entry = code_.entry(program_);
    if (!entry)
        return give_up(0, "program '" + program_.name + "', which stands there twice,");
    contexts_.push_back({{.entry = *entry}});
    flow_to({0, Stage::before, *entry}, State::at_start());
    while (!work_.empty() && steps_ < most_steps && kept_ < most_kept && moved_ < most_moved) {
        const Point point = *work_.begin();
        work_.erase(work_.begin());
        walk_from(point);
    }
    if (!work_.empty())
        give_up(*entry, "more paths than dynmon follows");
}

Loops Walk::loops() const {
    Loops loops = loops_;
    loops.contexts.assign(contexts_.begin(), contexts_.end());
    return loops;
}

void Walk::give_up(std::size_t at, const std::string& what) {
    findings_.add(at, std::nullopt, what);
}

bool Walk::is_valid(std::size_t at) {
    return at < code_.instructions().size();
}

void Walk::flow_to(const Point& point, const State& state) {
    if (!is_valid(std::get<2>(point)))
        return give_up(contexts_[std::get<0>(point)].entry, "a path that leaves the program");
    const auto [place, fresh] = states_.try_emplace(point, state);
    const std::size_t before = fresh ? 0 : place->second.size();
    if (fresh || place->second.join(state))
        work_.insert(point);
    kept_ += place->second.size() - before;
    moved_ += state.size();
}

std::size_t Walk::jump_target(std::size_t at) const {
    const bpf_insn& insn = code_.instructions()[at];
    const bool far = insn.code == opcode::far_jump;
    return at + 1 + static_cast<std::size_t>(std::int64_t{far ? insn.imm : insn.off});
}

// To where paths meet, or end.
void Walk::walk_from(const Point& start) {
    State state = states_.at(start);
    const auto [context, stage, first] = start;
    // Registers with what the call in front of `first` gave, before any branch can have looked at
    // it.
    unsigned unasked = first > 0 && is_valid(first) &&
                               code_.instructions()[first - 1].code == opcode::call &&
                               is_value_or_null(state.registers[0])
                           ? 1u
                           : 0u;
    for (std::size_t at = first;; ++steps_) {
        const Point point{context, stage, at};
        if (!is_valid(at) || (at != first && meets_.contains(at)))
            return flow_to(point, state);
        const bpf_insn& insn = code_.instructions()[at];
        if (insn.dst_reg >= register_count || insn.src_reg >= register_count)
            return give_up(at, code_text(insn));
        loops_.visited.insert({context, at});
        note_unasked(at, state, unasked);
        bool goes_on = true;
        switch (BPF_CLASS(insn.code)) {
        case BPF_ALU:
        case BPF_ALU64:
            compute(at, state);
            break;
        case BPF_LD:
        case BPF_LDX:
            goes_on = load(point, state);
            break;
        case BPF_ST:
        case BPF_STX:
            store(at, state);
            break;
        default:
            goes_on = jump(point, state);
        }
        if (!goes_on)
            return;
        at += insn.code == opcode::wide_load ? 2 : 1;
    }
}

// `unasked`: a bit for each register.
void Walk::note_unasked(std::size_t at, const State& state, unsigned& unasked) {
    if (unasked == 0)
        return;
    const bpf_insn& insn = code_.instructions()[at];
    const std::uint8_t group = BPF_CLASS(insn.code);
    const bool stores = group == BPF_ST || group == BPF_STX;
    if (stores || group == BPF_LDX) {
        const unsigned pointer = stores ? insn.dst_reg : insn.src_reg;
        if ((unasked >> pointer & 1) != 0)
            unasked_.try_emplace(at, state.registers[pointer].map);
    }
    const bool moves = insn.code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn.off == 0;
    if (moves && (unasked >> insn.src_reg & 1) != 0)
        unasked |= 1u << insn.dst_reg;
    else if (!stores && group != BPF_JMP && group != BPF_JMP32)
        unasked &= ~(1u << insn.dst_reg);
}

void Walk::compute(std::size_t at, State& state) {
    const bpf_insn& insn = code_.instructions()[at];
    Value& target = state.registers[insn.dst_reg];
    Value source = state.registers[insn.src_reg];
    if (BPF_SRC(insn.code) == BPF_K)
        source = Value::of(static_cast<std::uint64_t>(std::int64_t{insn.imm}));
    if (BPF_SRC(insn.code) == BPF_K && code_.adapted(at))
        source = Value::any();
    const std::uint8_t operation = BPF_OP(insn.code);
    if (operation > BPF_END) { // BPF_END is the last that there is
        give_up(at, code_text(insn));
        target = Value::any();
    } else if (operation != BPF_MOV) {
        target = operation == BPF_END ? Value::any() : computed(insn, target, source);
    } else {
        if (insn.off != 0 && insn.off != 8 && insn.off != 16 && insn.off != 32)
            give_up(at, "an address of another address space (arena)");
        target = copied(insn, source);
    }
}

Target Walk::target_at(std::size_t at, unsigned pointer, const State& state) const {
    const bpf_insn& insn = code_.instructions()[at];
    Target target{.pointer = state.registers[pointer], .offset = insn.off, .size = size_of(insn)};
    if (code_.adapted(at))
        target.offset.reset();
    return target;
}

bool Walk::load(const Point& point, State& state) {
    const std::size_t at = std::get<2>(point);
    const bpf_insn& insn = code_.instructions()[at];
    if (BPF_CLASS(insn.code) == BPF_LD) {
        if (insn.code == opcode::wide_load) {
            load_wide(at, state);
        } else if (BPF_MODE(insn.code) == BPF_ABS || BPF_MODE(insn.code) == BPF_IND) {
            // Behind the packet's end, the function returns 0 there and then.
            state.forget(1, 5);
            state.registers[0] = Value::of(0);
            leave(point, state);
            state.registers[0] = Value::any();
        } else {
            give_up(at, code_text(insn));
            return false;
        }
        return true;
    }
    const bool with_sign = BPF_MODE(insn.code) == opcode::signed_mode;
    if (BPF_MODE(insn.code) != BPF_MEM && !with_sign) {
        give_up(at, code_text(insn));
        return false;
    }
    const Value loaded = memory_.load(at, target_at(at, insn.src_reg, state), state);
    state.registers[insn.dst_reg] = with_sign ? Value::any() : loaded;
    return true;
}

void Walk::load_wide(std::size_t at, State& state) {
    const bpf_insn& insn = code_.instructions()[at];
    Value& target = state.registers[insn.dst_reg];
    const Reference* reference = code_.reference(at);
    if (reference == nullptr) {
        target = Value::any();
        if (insn.src_reg != 0)
            return give_up(at, "an object of the kernel by its number");
        if (is_valid(at + 1) && !code_.adapted(at)) {
            const auto high = static_cast<std::uint32_t>(code_.instructions()[at + 1].imm);
            target = Value::of(std::uint64_t{high} << 32 | static_cast<std::uint32_t>(insn.imm));
        }
        return;
    }
    switch (reference->kind) {
    case Reference::Kind::function:
        target = Value::pointer(kind::function);
        target.function = reference->at;
        return;
    case Reference::Kind::map:
        target = Value::pointer(kind::map);
        target.map = reference->at;
        return;
    case Reference::Kind::value:
        target = Value::pointer(kind::map_value);
        target.map = reference->at;
        target.offset = reference->offset;
        return;
    case Reference::Kind::kernel:
        target = Value::pointer_or_null(kind::kernel);
        findings_.add(at, Power::read_kernel, "the kernel's '" + reference->name + "'");
        return;
    case Reference::Kind::unknown:
        target = Value::any();
        give_up(at, "a reference to '" + reference->name +
                        "', which is no map, variable or "
                        "function of this object");
    }
}

void Walk::store(std::size_t at, State& state) {
    const bpf_insn& insn = code_.instructions()[at];
    const bool by_register = BPF_CLASS(insn.code) == BPF_STX;
    if (by_register && BPF_MODE(insn.code) == opcode::atomic_mode)
        return change(at, state);
    if (BPF_MODE(insn.code) != BPF_MEM)
        return give_up(at, code_text(insn));
    const Value value = by_register ? state.registers[insn.src_reg]
                                    : Value::of(static_cast<std::uint64_t>(std::int64_t{insn.imm}));
    memory_.store(at, target_at(at, insn.dst_reg, state), value, state);
}

void Walk::change(std::size_t at, State& state) {
    const bpf_insn& insn = code_.instructions()[at];
    if (insn.imm == opcode::load_acquire) {
        state.registers[insn.dst_reg] = memory_.load(at, target_at(at, insn.src_reg, state), state);
        return;
    }
    const Target target = target_at(at, insn.dst_reg, state);
    if (insn.imm == opcode::store_release)
        return memory_.store(at, target, state.registers[insn.src_reg], state);
    const std::int32_t operation = insn.imm & ~opcode::fetch_flag;
    if (operation != BPF_ADD && operation != BPF_OR && operation != BPF_AND &&
        operation != BPF_XOR && insn.imm != opcode::exchange &&
        insn.imm != opcode::compare_exchange)
        return give_up(at, code_text(insn));
    const Value before = memory_.load(at, target, state);
    memory_.store(at, target, Value::any(), state);
    if (insn.imm == opcode::compare_exchange)
        state.registers[0] = before;
    else if ((insn.imm & opcode::fetch_flag) != 0)
        state.registers[insn.src_reg] = before;
}

// False: the path ends here, or goes on elsewhere.
bool Walk::jump(const Point& point, State& state) {
    const auto [context, stage, at] = point;
    const bpf_insn& insn = code_.instructions()[at];
    if (insn.code == opcode::exit) {
        leave(point, std::move(state));
        return false;
    }
    if (insn.code == opcode::call)
        return call(point, state);
    if (insn.code == opcode::jump || insn.code == opcode::far_jump) {
        flow_to({context, stage, jump_target(at)}, state);
        return false;
    }
    const std::uint8_t operation = BPF_OP(insn.code);
    if (insn.code == opcode::may_goto && insn.src_reg == 0) {
        findings_.add(at, Power::loops, "may_goto");
        flow_to({context, stage, jump_target(at)}, state);
        flow_to({context, stage, at + 1}, state);
    } else if (operation == BPF_JA || operation == BPF_CALL || operation == BPF_EXIT ||
               operation > BPF_JSLE) {
        give_up(at, code_text(insn));
    } else {
        branch(point, state);
    }
    return false;
}

void Walk::branch(const Point& point, const State& state) {
    const auto [context, stage, at] = point;
    const bpf_insn& insn = code_.instructions()[at];
    const Value& target = state.registers[insn.dst_reg];
    Value source = state.registers[insn.src_reg];
    if (BPF_SRC(insn.code) == BPF_K)
        source = Value::of(static_cast<std::uint64_t>(std::int64_t{insn.imm}));
    const Ways ways = ways_of(insn, target, source);
    State next = state;
    if (ways.taken) {
        next.registers[insn.dst_reg] = narrowed(insn, target, true);
        flow_to({context, stage, jump_target(at)}, next);
    }
    if (ways.not_taken) {
        next.registers[insn.dst_reg] = narrowed(insn, target, false);
        flow_to({context, stage, at + 1}, next);
    }
}

bool Walk::call(const Point& point, State& state) {
    const std::size_t at = std::get<2>(point);
    const bpf_insn& insn = code_.instructions()[at];
    const Reference* reference = code_.reference(at);
    if (reference != nullptr && reference->kind == Reference::Kind::kernel) {
        loops_.note_kernel_function({std::get<0>(point), at}, reference->name, state);
        calls_.call_kernel_function(at, reference->name, state);
        return true;
    }
    if (reference != nullptr || insn.src_reg == function_call) {
        std::optional<std::size_t> function;
        if (reference == nullptr)
            function = code_.local_call(at);
        else if (reference->kind == Reference::Kind::function)
            function = reference->at;
        if (function)
            enter(point, *function, Called::Kind::function, state);
        else
            give_up(at, "a call of what is no function of this object");
        return false;
    }
    if (insn.src_reg == kernel_call) {
        calls_.call_kernel_function(at, "number " + std::to_string(insn.imm), state);
        return true;
    }
    if (insn.src_reg != 0) {
        give_up(at, code_text(insn));
        return false;
    }
    const Helper helper = helper_of(insn.imm);
    if (helper.flow == Flow::tail_call)
        return tail_call(point, state);
    if (helper.flow == Flow::callback || helper.flow == Flow::later) {
        loops_.note_helper({std::get<0>(point), at}, helper.number, state);
        enter_callback(point, helper, state);
    }
    calls_.call_helper(at, helper, state);
    return true;
}

// The instructions behind it run when the slot is empty. From within a function the verdict of the
// programs behind comes back to the caller.
bool Walk::tail_call(const Point& point, State& state) {
    const auto [context, stage, at] = point;
    for (std::size_t i = context; i != 0; i = contexts_[i].caller)
        if (contexts_[i].kind != Called::Kind::function) {
            give_up(at, "bpf_tail_call in a callback");
            return false;
        }
    if (!calls_.is_hand_over(state)) {
        give_up(at, "bpf_tail_call, other than to the next probe (dynmon_chain, dynmon_slot),");
        return false;
    }
    if (stage == Stage::answered) {
        give_up(at, "a second hand-over of the same packet");
        return false;
    }
    state.forget(0, 5);
    if (contexts_[context].kind == Called::Kind::function) {
        State answered = state;
        answered.registers[0].kinds = kind::verdict;
        leave({context, Stage::answered, at}, std::move(answered));
    }
    flow_to({context, Stage::after, at + 1}, state);
    return false;
}

void Walk::enter(const Point& point, std::size_t function, Called::Kind kind, const State& state) {
    const auto [context, stage, at] = point;
    const auto [place, fresh] = known_.try_emplace({context, at, function}, contexts_.size());
    if (fresh) {
        const std::size_t depth = contexts_[context].depth + 1;
        if (depth > most_depth || contexts_.size() >= most_contexts) {
            known_.erase(place);
            return give_up(at, "a call deeper than dynmon follows");
        }
        contexts_.push_back(
            {{.kind = kind, .caller = context, .call = at, .entry = function}, depth});
        contexts_.back().arguments = state.registers;
    } else {
        for (std::size_t i = 0; i < register_count; ++i)
            contexts_[place->second].arguments[i].join(state.registers[i]);
    }
    State inside = state;
    if (kind == Called::Kind::later)
        inside.frames.clear(); // it runs on a stack of its own
    inside.enter_function();
    flow_to({place->second, kind == Called::Kind::later ? Stage::before : stage, function}, inside);
}

void Walk::enter_callback(const Point& point, const Helper& helper, const State& state) {
    const std::size_t at = std::get<2>(point);
    const bool later = helper.flow == Flow::later;
    const Value& callback = state.registers[2]; // of every helper that takes one
    if (!callback.is_only(kind::function) || !callback.function)
        return give_up(at, helper_name(helper.number) + " with a function that is not known here,");
    enter(point, *callback.function, later ? Called::Kind::later : Called::Kind::callback,
          calls_.callback_state(helper, state));
}

// `state` is that at the exit of the function.
void Walk::leave(const Point& point, State state) {
    const auto [number, stage, at] = point;
    const Context context = contexts_[number];
    if (context.kind == Called::Kind::program) {
        const auto [place, fresh] = exits_.try_emplace({stage, at}, state.registers[0]);
        if (!fresh)
            place->second.join(state.registers[0]);
        return;
    }
    if (context.kind == Called::Kind::later)
        return;
    state.leave_function();
    if (context.kind == Called::Kind::callback) {
        state.registers[0] = Value::any();
        State again = state;
        for (unsigned i = 1; i <= 5; ++i)
            again.registers[i] = context.arguments[i];
        again.enter_function();
        flow_to({number, stage, context.entry}, again);
    }
    flow_to({context.caller, stage, context.call + 1}, state);
}

} // namespace dynmon::policy
