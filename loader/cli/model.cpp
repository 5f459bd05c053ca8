// SPDX-License-Identifier: BSD-2-Clause
#include <iomanip>
#include <sstream>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "control/models.hpp"
#include "model/forest.hpp"
#include "model/forest_image.hpp"
#include "object/object.hpp"
#include "object/probe.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

std::string count(std::size_t number, const std::string& what) {
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string short_number(double number) {
    std::ostringstream text;
    text << std::setprecision(2) << number;
    return text.str();
}

// A model's file, made ready for a place of a probe.
struct ReadModel {
    Forest forest;
    ForestImage image;
};

ReadModel read_model(const std::string& file, const ModelPlace& place) {
    const std::vector<std::byte> bytes = read_file(file, most_model_bytes);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Forest forest = read_forest(text, file);
    std::vector<BoundFeature> bound = bind_features(forest, place.source, file);
    ForestImage image(forest, std::move(bound), place.room, file);
    return {std::move(forest), std::move(image)};
}

// From node to node, of any packet.
std::size_t steps_of(const ForestImage& image) {
    return image.trees() * image.depth();
}

ordered_json model_json(const ReadModel& model, const ModelPlace& place) {
    return {{"trainer", model.forest.trainer},
            {"sha256", model.forest.sha256},
            {"map", place.map},
            {"features", model.forest.features},
            {"trees", model.image.trees()},
            {"depth", model.image.depth()},
            {"nodes", model.image.nodes()},
            {"room", place.room},
            {"dead-splits", model.image.dead_splits()},
            {"most-error", model.image.most_error()},
            {"steps", steps_of(model.image)}};
}

std::string model_text(const ReadModel& model, const ModelPlace& place) {
    const ForestImage& image = model.image;
    std::string text = count(image.trees(), "tree") + " of " + model.forest.trainer + ", " +
                       count(image.depth(), "level") + ", " + count(image.nodes(), "node") +
                       " (there is room for " + std::to_string(place.room) + ")";
    text += "\n  " + count(model.forest.features.size(), "feature") + ":";
    for (const std::string& name : model.forest.features)
        text += " " + name;
    text += "\n  a score is off by at most " + short_number(image.most_error()) +
            "; a verdict takes " + count(steps_of(image), "step");
    if (image.dead_splits() > 0)
        text += "\n  " + count(image.dead_splits(), "split") +
                " left out, which no value of the feature divides";
    return text;
}

class ModelVerb : public Verb {
public:
    const char* name() const override { return "model"; }
    const char* summary() const override {
        return "give a monitor a trained model that judges its packets, in the kernel";
    }
    const char* example() const override {
        return "dynmon-load model check forest.json --probe detect\n"
               "  sudo dynmon-load model set edge shadow forest.json\n"
               "  sudo dynmon-load model set edge active forest.json\n"
               "  sudo dynmon-load model list edge\n"
               "  sudo dynmon-load model clear edge shadow\n\n"
               "A model is XGBoost's JSON (save_model(\"forest.json\")), or what export_sklearn.py "
               "writes of a\ntree or forest of scikit-learn. The verdict is that of the trainer's "
               "own predict(). The\nactive model's verdict counts; the shadow judges the same "
               "packets, and nothing follows from it.\nA `replace` keeps models only with "
               "--keep-maps.";
    }

    void declare(CLI::App& app) override {
        app.require_subcommand(1);
        auto* check =
            app.add_subcommand("check", "say whether a model fits a probe; needs no root");
        check->add_option("MODEL", file_, "the model's file")->required();
        check->add_option("--probe", probe_, "the probe that is to judge with it")->required();
        declare_map(*check);
        check->callback([this] { action_ = Action::check; });
        auto* set = app.add_subcommand("set", "put a model in the place of the one that is there");
        declare_slot(*set);
        set->add_option("MODEL", file_, "the model's file")->required();
        declare_map(*set);
        set->callback([this] { action_ = Action::set; });
        auto* clear = app.add_subcommand("clear", "take a model away");
        declare_slot(*clear);
        declare_map(*clear);
        clear->callback([this] { action_ = Action::clear; });
        auto* list = app.add_subcommand("list", "show the models and what they said");
        declare_monitor(*list);
        declare_map(*list);
        list->callback([this] { action_ = Action::list; });
    }

    int run(const Global& global) override {
        switch (action_) {
        case Action::check:
            check(global);
            break;
        case Action::set:
            set(global);
            break;
        case Action::clear:
            clear(global);
            break;
        case Action::list:
            list(global);
            break;
        }
        return 0;
    }

private:
    enum class Action { check, set, clear, list };

    void declare_monitor(CLI::App& app) {
        app.add_option("NAME", monitor_, "name of the monitor")->required();
    }
    void declare_slot(CLI::App& app) {
        declare_monitor(app);
        app.add_option("SLOT", slot_, "active or shadow")
            ->required()
            ->check(CLI::IsMember({"active", "shadow"}));
    }
    void declare_map(CLI::App& app) {
        app.add_option("--map", map_, "which place for a model, of a probe that has several")
            ->type_name("NAME");
    }
    ModelSlot slot() const { return slot_ == "active" ? ModelSlot::active : ModelSlot::shadow; }

    void check(const Global& global) const {
        const Probe probe = open_probe(probe_);
        const ModelPlace place =
            find_model_place(probe.object.types(), map_, "probe '" + probe_ + "'");
        const ReadModel model = read_model(file_, place);
        print_result(global, model_json(model, place),
                     file_ + ": good\n  " + model_text(model, place));
    }

    Models open(const Global& global, Models::Access access) const {
        return during("model of '" + monitor_ + "'",
                      [&] { return Models::open(global.settings, monitor_, map_, access); });
    }

    void set(const Global& global) const {
        const Models models = open(global, Models::Access::write);
        const ReadModel model = read_model(file_, models.place());
        models.set(slot(), model.image);
        ordered_json document = {{"monitor", monitor_}, {"slot", slot_}};
        document.update(model_json(model, models.place()));
        print_result(global, document,
                     monitor_ + ": " + file_ + " is the " + slot_ + " model\n  " +
                         model_text(model, models.place()));
    }

    void clear(const Global& global) const {
        const Models models = open(global, Models::Access::write);
        models.clear(slot());
        print_result(global, {{"monitor", monitor_}, {"slot", slot_}},
                     monitor_ + " has no " + slot_ + " model");
    }

    void list(const Global& global) const {
        const Models models = open(global, Models::Access::look);
        ordered_json rows = ordered_json::array();
        std::string text;
        for (const ModelSlot slot : {ModelSlot::active, ModelSlot::shadow}) {
            const auto model = models.model(slot);
            const Verdicts verdicts = models.verdicts(slot);
            ordered_json row = {{"slot", to_string(slot)},
                                {"hash", model ? ordered_json(model->hash) : nullptr},
                                {"judged", verdicts.judged},
                                {"attacks", verdicts.attacks},
                                {"alone", verdicts.alone}};
            text += (text.empty() ? "" : "\n") + std::string(to_string(slot)) + ": ";
            text += model ? model->hash + ", " + count(model->trees, "tree") + ", " +
                                count(model->depth, "level")
                          : "none";
            if (verdicts.judged > 0)
                text += "; judged " + std::to_string(verdicts.judged) + ", " +
                        count(verdicts.attacks, "attack") + ", " + std::to_string(verdicts.alone) +
                        " of them alone";
            if (model) {
                row["trees"] = model->trees;
                row["depth"] = model->depth;
            }
            rows.push_back(std::move(row));
        }
        print_result(global, {{"monitor", monitor_}, {"map", models.place().map}, {"models", rows}},
                     text);
    }

    Action action_ = Action::check;
    std::string monitor_, slot_, file_, probe_, map_;
};

} // namespace

std::unique_ptr<Verb> make_model_verb() {
    return std::make_unique<ModelVerb>();
}

} // namespace dynmon
