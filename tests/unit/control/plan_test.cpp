// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>

#include <doctest/doctest.h>

#include "control/fake_kernel.hpp"
#include "control/load.hpp"
#include "control/recover.hpp"
#include "control/unload.hpp"
#include "kernel/own_pin.hpp"

using namespace dynmon;

namespace {

using Verb = std::function<void(Session&)>;

struct Scene {
    const char* name;
    StoreSnapshot before;
    Verb verb;
    std::set<std::string> bystanders;
    std::function<bool(const Action&)> commits; // unset: each step goes forward
};

std::map<std::size_t, std::size_t> met;    // how often each kind of action was run
std::map<std::size_t, std::size_t> undone; // how often each kind took something back

void count(const FakeKernel& kernel, std::size_t forward) {
    for (std::size_t i = 0; i < kernel.ran.size(); ++i)
        ++(i < forward ? met : undone)[kernel.ran[i].index()];
}

std::string text_of(const std::map<std::string, Pin>& pins) {
    std::string text;
    for (const auto& [path, pin] : pins)
        text += path + " (" + std::to_string(pin.index()) + ")\n";
    return text;
}

void check_same(const StoreSnapshot& tree, const StoreSnapshot& wanted) {
    CHECK(text_of(tree.pins) == text_of(wanted.pins));
    CHECK(tree.pins == wanted.pins);
}

void recover(FakeKernel& kernel) {
    Session session(kernel);
    Failures failures;
    recover_in(session, failures);
    CHECK_NOTHROW(failures.throw_first());
}

void check_packets(const FakeKernel& kernel) {
    for (const std::string& violation : kernel.violations)
        FAIL_CHECK(violation);
}

// What a finished verb leaves.
StoreSnapshot finish(const Scene& scene, std::vector<Action>& steps) {
    FakeKernel kernel(scene.before);
    kernel.bystanders = scene.bystanders;
    Session session(kernel);
    scene.verb(session);
    check_packets(kernel);
    steps = kernel.ran;
    count(kernel, steps.size());
    return kernel.tree;
}

void check_before_or_after(const StoreSnapshot& tree, const Scene& scene,
                           const StoreSnapshot& after) {
    if (tree.pins != scene.before.pins)
        check_same(tree, after);
}

// Behind so many steps of a verb a recover is killed at each of its own: as many runs again.
// ci/soak does so behind every step.
std::size_t steps_between_recovers() {
    return std::getenv("DYNMON_EVERY_STEP") != nullptr ? 1 : 16;
}

// The verb is killed before each of its steps, and a recover behind some of them.
void check_kills(const Scene& scene, const StoreSnapshot& after, std::size_t steps) {
    for (std::size_t at = 0; at < steps; ++at) {
        CAPTURE(at);
        FakeKernel kernel(scene.before);
        kernel.bystanders = scene.bystanders;
        kernel.kill_at = at;
        Session session(kernel);
        CHECK_THROWS_AS(scene.verb(session), Killed);
        check_packets(kernel);
        for (std::size_t again = 0;; ++again) {
            CAPTURE(again);
            FakeKernel second(kernel.tree);
            second.bystanders = scene.bystanders;
            second.kill_at = again;
            bool killed = false;
            try {
                recover(second);
            } catch (const Killed&) {
                killed = true;
            }
            FakeKernel last(second.tree);
            last.bystanders = scene.bystanders;
            recover(last);
            check_packets(second);
            check_packets(last);
            check_before_or_after(last.tree, scene, after);
            CHECK(last.tree.staging(last.tree.paths.monitors_dir()).empty());
            FakeKernel idle(last.tree);
            recover(idle);
            for (const Action& action : idle.ran)
                FAIL_CHECK("remains to do: " << describe(action, idle.tree.paths));
            if (!killed || at % steps_between_recovers() != 0)
                break;
        }
    }
}

// A step fails: what was done before the commit is taken back, what comes after it is finished.
void check_errors(const Scene& scene, const StoreSnapshot& after,
                  const std::vector<Action>& steps) {
    const auto commit =
        scene.commits ? std::find_if(steps.begin(), steps.end(), scene.commits) - steps.begin()
                      : -1;
    for (std::size_t at = 0; at < steps.size(); ++at) {
        CAPTURE(at);
        FakeKernel kernel(scene.before);
        kernel.bystanders = scene.bystanders;
        kernel.fail_at = at;
        kernel.error_number = ENOMEM;
        Session session(kernel);
        try {
            scene.verb(session);
            FAIL_CHECK("the error is lost");
        } catch (const Error& error) {
            CHECK(error.error_number() == ENOMEM);
        }
        check_packets(kernel);
        if (static_cast<std::ptrdiff_t>(at) <= commit)
            count(kernel, at);
        if (static_cast<std::ptrdiff_t>(at) <= commit)
            check_same(kernel.tree, scene.before);
        recover(kernel);
        check_before_or_after(kernel.tree, scene, after);
    }
}

void check(const Scene& scene) {
    CAPTURE(scene.name);
    std::vector<Action> steps;
    const StoreSnapshot after = finish(scene, steps);
    CHECK(!steps.empty());
    check_errors(scene, after, steps);
    check_kills(scene, after, steps.size());
}

bool changes_state(const Action& action) {
    return std::holds_alternative<WriteState>(action);
}

Verb unload(const std::string& name) {
    return [name](Session& session) { unload_in(session, name); };
}

FakeStore three_monitors(std::size_t sides) {
    FakeStore store;
    store.add_hook(ingress_hook);
    store.add_hook(egress_hook);
    for (const char* name : {"a", "b", "c"})
        store.add_monitor(name, {ingress_hook, egress_hook}, sides);
    return store;
}

} // namespace

TEST_CASE("an unload that fails or is killed at any step is finished by recover") {
    for (const std::size_t sides : {1u, 2u}) {
        const FakeStore store = three_monitors(sides);
        check({"first", store.tree, unload("a"), {"b", "c"}, changes_state});
        check({"middle", store.tree, unload("b"), {"a", "c"}, changes_state});
        check({"last", store.tree, unload("c"), {"a", "b"}, changes_state});
        FakeStore one;
        one.add_hook(ingress_hook);
        one.add_monitor("a", {ingress_hook}, sides);
        check({"only", one.tree, unload("a"), {}, changes_state});
    }
}

TEST_CASE("a monitor whose records cannot be trusted is taken out by what its chains hold") {
    FakeStore store = three_monitors(1);
    const std::string dir = store.tree.paths.monitor_dir("b");
    for (const HookId& hook : {ingress_hook, egress_hook})
        for (const ChainMember& member : store.tree.members_at(hook))
            if (member.monitor == "b")
                store.tree.pins[pinned_program(member, Side::a).path] = ProgramPin{
                    member.program.ids[0],
                    "count",
                    {std::get<ChainPin>(store.tree.pins[store.tree.chain_path(hook)]).id}};
    try {
        throw Damaged(dir + "/g1/dynmon-record is damaged");
    } catch (const Error& error) {
        store.tree.faults.emplace(dir, Fault(error));
        store.tree.unsound.emplace("b", Fault(error));
    }
    store.tree.pins[dir + "/g1/dynmon-record"] = ObjectPin{};
    FakeKernel kernel(store.tree);
    recover(kernel);
    CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "c"});
    CHECK(chain_of(kernel.tree, egress_hook) == std::vector<std::string>{"a", "c"});
    CHECK(!kernel.tree.has(dir));
}

TEST_CASE("a monitor that another version wrote is left alone, and the rest is recovered") {
    FakeStore store = three_monitors(1);
    store.tree.pins["/store/monitors/__stage_7_1"] = FolderPin{};
    const std::string dir = store.tree.paths.monitor_dir("c");
    try {
        throw Error(ErrorKind::unsupported, "written by another version");
    } catch (const Error& error) {
        store.tree.unsound.emplace("c", Fault(error));
    }
    FakeKernel kernel(store.tree);
    Session session(kernel);
    Failures failures;
    recover_in(session, failures);
    CHECK(failures.any());
    CHECK(kernel.tree.has(dir));
    CHECK(session.said() == std::vector<std::string>{"removed what process 7 had staged"});
    CHECK_THROWS_WITH_AS(unload_in(session, "c"), "written by another version", Error);
}

TEST_CASE("staging folders and idle hooks of killed loads are removed") {
    FakeStore store;
    store.add_hook(ingress_hook);
    store.tree.pins["/store/monitors/__stage_12_1"] = FolderPin{};
    store.tree.pins["/store/hooks/__stage_12_2"] = FolderPin{};
    FakeKernel kernel(store.tree);
    recover(kernel);
    CHECK(kernel.tree.pins.empty());
}

TEST_CASE("a replace that was killed after publishing is rolled forward from any step") {
    for (const std::size_t sides : {1u, 2u})
        for (const bool unread : {false, true}) {
            FakeStore store = three_monitors(sides);
            store.add_generation("b", 2, {ingress_hook, egress_hook}, sides);
            const std::string old = store.tree.generation("b", 1).path();
            std::get<MapPin>(store.tree.pins[old + "/flows"]).unread = unread;
            check({"replace",
                   store.tree,
                   [](Session& session) {
                       Failures failures;
                       recover_in(session, failures);
                       failures.throw_first();
                   },
                   {"a", "b", "c"}});
            FakeKernel kernel(store.tree);
            recover(kernel);
            CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "b", "c"});
            CHECK(kernel.tree.chain_at(ingress_hook).members()[1].generation == 2);
            CHECK(kernel.tree.has(old + "/flows") == unread);
            CHECK(kernel.tree.has(old) == unread);
        }
}

TEST_CASE("a swap that was killed between its slots is finished for the side of the state") {
    FakeStore store = three_monitors(2);
    store.set_state("b", {.phase = Phase::running, .active = 1});
    FakeKernel kernel(store.tree);
    recover(kernel);
    CHECK(kernel.tree.chain_at(ingress_hook).active_side("b", 1) == Side::b);
    CHECK(kernel.tree.chain_at(egress_hook).active_side("b", 1) == Side::b);
    CHECK(kernel.tree.chain_at(ingress_hook).active_side("a", 1) == Side::a);
}

TEST_CASE("a chain that lost its pin gets its programs back, by name") {
    FakeStore store = three_monitors(1);
    store.tree.remove(store.tree.chain_path(ingress_hook));
    FakeKernel kernel(store.tree);
    recover(kernel);
    CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "b", "c"});
    const auto* order = kernel.tree.get<OrderPin>(kernel.tree.order_path(ingress_hook));
    REQUIRE(order != nullptr);
    CHECK(order->programs.size() == 3);
}

TEST_CASE(
    "an order that is not that of the chain is written again, and a foreign thing makes way") {
    FakeStore store = three_monitors(1);
    const Pin right = store.tree.pins[store.tree.order_path(ingress_hook)];
    for (const Pin& wrong : {Pin(OrderPin{}), Pin(ObjectPin{})}) {
        FakeKernel kernel(store.tree);
        kernel.tree.pins[store.tree.order_path(ingress_hook)] = wrong;
        recover(kernel);
        CHECK(kernel.tree.pins[store.tree.order_path(ingress_hook)] == right);
    }
}

TEST_CASE("a foreign program in a slot is named, and nothing is changed") {
    FakeStore store = three_monitors(1);
    std::get<ChainPin>(store.tree.pins[store.tree.chain_path(ingress_hook)]).slots[head_slot] = 7;
    FakeKernel kernel(store.tree);
    Session session(kernel);
    CHECK_THROWS_AS(unload_in(session, "b"), Error);
    CHECK(kernel.ran.empty());
}

TEST_CASE("a dry run changes nothing and shows the steps that a real run takes") {
    const FakeStore store = three_monitors(2);
    FakeKernel kernel(store.tree);
    DryRunLog log;
    DryRun dry(kernel, log);
    Session shown(dry);
    unload_in(shown, "b");
    CHECK(kernel.tree.pins == store.tree.pins);
    Session session(kernel);
    unload_in(session, "b");
    std::vector<std::string> steps;
    for (const Action& action : kernel.ran)
        if (!is_check(action))
            steps.push_back(describe(action, kernel.tree.paths));
    CHECK(log.steps == steps);
    REQUIRE(steps.size() > 2);
    CHECK(steps.front() == "write monitors/b/state: unloading");
    CHECK(steps[steps.size() - 2] == "rename monitors/b to monitors/__stage");
    CHECK(steps.back() == "remove monitors/__stage");
}

namespace {

// What a load of one program a hook would bring, in slots that are free then.
LoadNew loads(const std::string& name, std::uint32_t number, std::size_t sides,
              const std::vector<HookId>& hooks) {
    return [=](Session& session) {
        session.carry_out([&](Planner& planner) { planner.add(LoadPrograms{name, number}); });
        NewGeneration made{.monitor = name, .number = number};
        std::uint32_t id = 5000;
        for (const HookId& hook : hooks) {
            const char* const direction = hook.point == HookPoint::tc_egress ? "egress" : "ingress";
            ProgramRecord program{.direction = hook.point == HookPoint::tc_egress
                                                   ? Direction::egress
                                                   : Direction::ingress,
                                  .name = "count",
                                  .hook = hook,
                                  .hand_over = true};
            program.slots = session.now().chain_at(hook).free_slots(sides);
            for (std::size_t side = 0; side < sides; ++side) {
                program.ids.push_back(id++);
                made.pins[std::string("prog-") + direction + (side == 0 ? "-a" : "-b")] =
                    ProgramPin{};
            }
            made.programs.push_back(program);
        }
        made.pins["dynmon-btf"] = ObjectPin{};
        made.pins["flows"] = MapPin{};
        return made;
    };
}

std::vector<HookRequest> requests(const std::vector<HookId>& hooks) {
    std::vector<HookRequest> found;
    for (const HookId& hook : hooks)
        found.push_back({.id = hook, .device = "eth0"});
    return found;
}

Verb load(const std::string& name, std::size_t sides, const Placement& placement,
          const std::vector<HookId>& hooks = {ingress_hook, egress_hook}) {
    return [=](Session& session) {
        load_in(session, name, requests(hooks), loads(name, 1, sides, hooks), placement);
    };
}

Verb replace(const std::string& name, std::size_t sides,
             const std::vector<HookId>& hooks = {ingress_hook, egress_hook},
             const std::vector<HookId>& made = {}) {
    return [=](Session& session) {
        replace_in(session, name, requests(made), loads(name, 2, sides, hooks));
    };
}

bool begins(const Action& action) {
    const auto* write = std::get_if<WriteState>(&action);
    return write != nullptr && write->begins;
}

bool publishes(const Action& action) {
    const auto* rename = std::get_if<Rename>(&action);
    return rename != nullptr && rename->to.ends_with("/g2");
}

const Placement first{Placement::Kind::first, ""};
const Placement last{};

} // namespace

TEST_CASE("a load that fails leaves what was before, one that is killed is taken back") {
    for (const std::size_t sides : {1u, 2u}) {
        const FakeStore store = three_monitors(sides);
        const std::set<std::string> all{"a", "b", "c"};
        check({"last", store.tree, load("d", sides, last), all, begins});
        check({"first", store.tree, load("d", sides, first), all, begins});
        check(
            {"before", store.tree, load("d", sides, {Placement::Kind::before, "b"}), all, begins});
        check({"after", store.tree, load("d", sides, {Placement::Kind::after, "a"}), all, begins});
        check({"one way", store.tree, load("d", sides, first, {ingress_hook}), all, begins});
        FakeStore empty;
        empty.add_hook(ingress_hook); // with one there, an idle one is left for recover
        empty.add_monitor("a", {ingress_hook}, sides);
        check({"new hook", empty.tree, load("d", sides, last), {"a"}, begins});
    }
}

TEST_CASE("a load puts its program where it was asked to, and writes the order down") {
    const std::vector<std::pair<Placement, std::vector<std::string>>> cases{
        {first, {"d", "a", "b", "c"}},
        {last, {"a", "b", "c", "d"}},
        {{Placement::Kind::before, "b"}, {"a", "d", "b", "c"}},
        {{Placement::Kind::after, "b"}, {"a", "b", "d", "c"}}};
    for (const auto& [placement, wanted] : cases) {
        FakeKernel kernel(three_monitors(2).tree);
        Session session(kernel);
        load("d", 2, placement)(session);
        CHECK(chain_of(kernel.tree, egress_hook) == wanted);
        CHECK(kernel.tree.get<OrderPin>(kernel.tree.order_path(egress_hook))->programs.size() == 4);
        CHECK(kernel.tree.state("d")->phase == Phase::running);
    }
}

TEST_CASE("a load takes no name that runs, and clears away one that was never whole") {
    FakeStore store = three_monitors(1);
    store.add_generation("d", 1, {ingress_hook});
    store.set_state("d", {.phase = Phase::loading});
    FakeKernel kernel(store.tree);
    Session session(kernel);
    CHECK_THROWS_WITH_AS(load("a", 1, last)(session), "monitor 'a' is loaded already", Error);
    CHECK(kernel.ran.empty());
    load("d", 1, last, {egress_hook})(session);
    CHECK(chain_of(kernel.tree, egress_hook) == std::vector<std::string>{"a", "b", "c", "d"});
    CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a load pins a chain again that lost its pin, with its programs by name") {
    FakeStore store = three_monitors(1);
    store.tree.remove(store.tree.chain_path(ingress_hook));
    FakeKernel kernel(store.tree);
    Session session(kernel);
    load("d", 1, last)(session);
    CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("a detached hook is made again, and stays where other monitors want it") {
    FakeStore store = three_monitors(1);
    store.tree.health[ingress_hook].health = HookHealth::detached;
    FakeKernel kernel(store.tree);
    kernel.tree.health[ingress_hook].health = HookHealth::moved;
    Session session(kernel);
    CHECK_THROWS_AS(load("d", 1, last)(session), Error);
    CHECK(kernel.ran.empty());
    FakeKernel again(store.tree);
    Session second(again);
    load("d", 1, last)(second);
    CHECK(chain_of(again.tree, ingress_hook) == std::vector<std::string>{"d"});
}

TEST_CASE("a replace that fails or is killed leaves the old generation or the new one") {
    for (const std::size_t sides : {1u, 2u})
        for (const bool unread : {false, true}) {
            FakeStore store = three_monitors(sides);
            const std::string old = store.tree.generation("b", 1).path();
            std::get<MapPin>(store.tree.pins[old + "/flows"]).unread = unread;
            const std::set<std::string> all{"a", "b", "c"};
            check({"same", store.tree, replace("b", sides), all, publishes});
            check({"other sides", store.tree, replace("b", 3 - sides), all, publishes});
            check({"one way",
                   store.tree,
                   replace("b", sides, {ingress_hook}),
                   {"a", "c"},
                   publishes});
            FakeStore one;
            one.add_hook(ingress_hook);
            one.add_monitor("b", {ingress_hook}, sides);
            check({"new direction",
                   one.tree,
                   replace("b", sides, {ingress_hook, egress_hook}, {egress_hook}),
                   {},
                   publishes});
            FakeKernel kernel(store.tree);
            Session session(kernel);
            replace("b", sides)(session);
            CHECK(chain_of(kernel.tree, ingress_hook) == std::vector<std::string>{"a", "b", "c"});
            CHECK(kernel.tree.generations("b") ==
                  (unread ? std::vector<std::uint32_t>{1, 2} : std::vector<std::uint32_t>{2}));
        }
}

TEST_CASE("each kind of step and of undo is met") {
    // Checks, PinChain, StopMetering and AttachAgain are met by the cases of their own; these undo
    // nothing: what they do stays, or is taken back with the folder.
    CHECK(met.size() >= 15);
    for (const Action& action : std::vector<Action>{
             MakeFolder{}, Rename{}, Unpin{}, RemoveTree{}, WriteState{}, WriteSlot{}, WriteOrder{},
             Fence{}, CheckLink{}, CheckRights{}, Detach{}, Retire{}, MakeTotals{}, MakeHook{},
             LoadPrograms{}, PinPart{}, MakeState{}, RemoveStore{}}) {
        CAPTURE(action.index());
        CHECK(met[action.index()] > 0);
    }
    for (const Action& action : std::vector<Action>{Rename{}, Unpin{}, RemoveTree{}, WriteSlot{},
                                                    WriteOrder{}, Fence{}, Detach{}}) {
        CAPTURE(action.index());
        CHECK(undone[action.index()] > 0);
    }
}
