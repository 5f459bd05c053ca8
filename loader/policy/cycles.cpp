// SPDX-License-Identifier: BSD-2-Clause
#include "policy/cycles.hpp"

#include <algorithm>
#include <map>

namespace dynmon::policy {

namespace {

// Tarjan's algorithm, without recursion: programs are long.
class Tarjan {
public:
    Tarjan(const std::set<std::size_t>& nodes, const Successors& successors)
        : nodes_(nodes), successors_(successors) {
        for (const std::size_t node : nodes)
            if (!marks_.contains(node))
                walk_from(node);
    }
    std::vector<Component> take() { return std::move(found_); }

private:
    struct Mark {
        std::size_t order = 0;
        std::size_t low = 0;
        bool open = true;
    };
    struct Step {
        std::size_t node;
        std::vector<std::size_t> next;
        std::size_t done = 0;
    };

    void open(std::size_t node) {
        marks_[node] = {marks_.size(), marks_.size()};
        open_.push_back(node);
        way_.push_back({node, successors_(node)});
    }

    void walk_from(std::size_t first) {
        open(first);
        while (!way_.empty()) {
            Step& step = way_.back();
            Mark& mark = marks_[step.node];
            if (step.done < step.next.size()) {
                const std::size_t next = step.next[step.done++];
                if (!nodes_.contains(next))
                    continue;
                const auto known = marks_.find(next);
                if (known == marks_.end())
                    open(next);
                else if (known->second.open)
                    mark.low = std::min(mark.low, known->second.order);
                continue;
            }
            const std::size_t node = step.node;
            if (mark.low == mark.order)
                close(node);
            const std::size_t low = mark.low;
            way_.pop_back();
            if (!way_.empty())
                marks_[way_.back().node].low = std::min(marks_[way_.back().node].low, low);
        }
    }

    void close(std::size_t root) {
        Component component;
        std::size_t node = 0;
        do {
            node = open_.back();
            open_.pop_back();
            marks_[node].open = false;
            component.nodes.push_back(node);
        } while (node != root);
        const std::vector<std::size_t> next = successors_(root);
        component.cycle =
            component.nodes.size() > 1 || std::find(next.begin(), next.end(), root) != next.end();
        found_.push_back(std::move(component));
    }

    const std::set<std::size_t>& nodes_;
    const Successors& successors_;
    std::map<std::size_t, Mark> marks_;
    std::vector<std::size_t> open_;
    std::vector<Step> way_;
    std::vector<Component> found_;
};

} // namespace

std::vector<Component> components(const std::set<std::size_t>& nodes,
                                  const Successors& successors) {
    return Tarjan(nodes, successors).take();
}

} // namespace dynmon::policy
