#include "text/regimen_terms.h"

#include <toml++/toml.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace gantry {
namespace {

constexpr const char* kCode = "E0378";
constexpr const char* kContext[] = {"boost",        "no_boost",       "integrated_boost",
                                    "simultaneous", "prior_near",     "prior_after",
                                    "total",        "up_to",          "series",
                                    "series_count", "next_phase",     "left",
                                    "right",        "both",           "twice_daily",
                                    "concurrent",   "not_concurrent", "not_prescribed",
                                    "total_behind"};

class TermsReader {
 public:
  TermsReader(const toml::table& table, std::string label)
      : table_(table), label_(std::move(label)) {}

  std::unique_ptr<RegimenTerms::State> read() {
    auto state = std::make_unique<RegimenTerms::State>();
    for (const auto& [key, node] : table_) {
      const std::string_view name = key.str();
      if (name == "context" && node.is_table()) {
        read_context(*node.as_table(), *state);
      } else if (name == "technique") {
        for_each(node, [&](const toml::table& t) { state->techniques.push_back(technique(t)); });
      } else if (name == "range") {
        for_each(node, [&](const toml::table& t) { state->ranges.push_back(range(t)); });
      } else if (auto* terms = terms_of(name, *state)) {
        for_each(node, [&](const toml::table& t) {
          allow(t, {"name", "pattern"});
          terms->push_back({text(t, "name"), pattern(t)});
        });
      } else {
        refuse(node, "unknown table '" + std::string(name) + "'");
      }
    }
    for (const char* name : kContext) {
      if (!state->context.contains(name)) {
        refuse(table_, "[context] has no '" + std::string(name) + "'");
      }
    }
    return state;
  }

 private:
  static std::vector<RegimenTerm>* terms_of(std::string_view name, RegimenTerms::State& state) {
    if (name == "intent") return &state.intents;
    if (name == "modality") return &state.modalities;
    if (name == "site") return &state.sites;
    if (name == "systemic") return &state.systemics;
    return nullptr;
  }

  std::string place(const toml::node& node) const {
    return label_ + ", line " + std::to_string(node.source().begin.line);
  }
  [[noreturn]] void refuse(const toml::node& node, const std::string& what) const {
    throw Error(kCode, place(node) + ": " + what,
                "Correct the entry; the file's head says what each key means.");
  }
  template <typename Body>
  void for_each(const toml::node& node, const Body& body) const {
    const toml::array* entries = node.as_array();
    if (!entries) refuse(node, "not a list of entries");
    for (const toml::node& entry : *entries) {
      if (!entry.is_table()) refuse(entry, "not an entry");
      body(*entry.as_table());
    }
  }
  void allow(const toml::table& t, std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, node] : t) {
      if (std::find(keys.begin(), keys.end(), key.str()) == keys.end()) {
        refuse(node, "unknown key '" + std::string(key.str()) + "'");
      }
    }
  }
  std::string text(const toml::table& t, std::string_view key) const {
    const auto value = t[key].value<std::string>();
    if (!value || value->empty()) refuse(t, "no " + std::string(key));
    return *value;
  }
  Pattern pattern(const toml::table& t) const {
    return Pattern(text(t, "pattern"), kCode, place(t));
  }
  void read_context(const toml::table& t, RegimenTerms::State& state) const {
    allow_context(t);
    for (const auto& [key, node] : t) {
      const auto value = node.value<std::string>();
      if (!value) refuse(node, std::string(key.str()) + " is not a pattern");
      state.context.emplace(std::string(key.str()), Pattern(*value, kCode, place(node)));
    }
  }
  void allow_context(const toml::table& t) const {
    for (const auto& [key, node] : t) {
      if (std::find(std::begin(kContext), std::end(kContext), key.str()) == std::end(kContext)) {
        refuse(node, "unknown key '" + std::string(key.str()) + "'");
      }
    }
  }
  RegimenTechnique technique(const toml::table& t) const {
    allow(t, {"name", "pattern", "rank", "modality"});
    RegimenTechnique read{text(t, "name"), pattern(t), 0, {}};
    const auto rank = t["rank"].value<int64_t>();
    if (!rank) refuse(t, "no rank");
    read.rank = static_cast<int>(*rank);
    const toml::array* modalities = t["modality"].as_array();
    if (!modalities || modalities->empty()) refuse(t, "no modality");
    for (const toml::node& node : *modalities) {
      const auto value = node.value<std::string>();
      if (!value) refuse(node, "a modality is not a string");
      read.modalities.push_back(*value);
    }
    return read;
  }
  std::optional<RegimenRange::Limits> limits(const toml::table& t, std::string_view key) const {
    const toml::node* node = t.get(key);
    if (!node) return std::nullopt;
    const toml::array* pair = node->as_array();
    if (!pair || pair->size() != 2 || !pair->get(0)->is_number() || !pair->get(1)->is_number()) {
      refuse(*node, std::string(key) + " is not [lowest, highest]");
    }
    return RegimenRange::Limits{*pair->get(0)->value<double>(), *pair->get(1)->value<double>()};
  }
  RegimenRange range(const toml::table& t) const {
    allow(t, {"technique", "intent", "modality", "per_fraction", "total", "fractions"});
    return {t["technique"].value_or(std::string()),
            t["intent"].value_or(std::string()),
            t["modality"].value_or(std::string()),
            limits(t, "per_fraction"),
            limits(t, "total"),
            limits(t, "fractions")};
  }

  const toml::table& table_;
  std::string label_;
};

}  // namespace

RegimenTerms RegimenTerms::load(const std::filesystem::path& file) {
  return parse(read_file(file), file.filename().string());
}

RegimenTerms RegimenTerms::parse(std::string_view toml, const std::string& label) {
  toml::table parsed;
  try {
    parsed = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    throw Error(kCode,
                label + ", line " + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()),
                "Correct the line: the file is TOML.");
  }
  return RegimenTerms(TermsReader(parsed, label).read());
}

RegimenTerms::RegimenTerms(std::unique_ptr<State> state) : state_(std::move(state)) {}
RegimenTerms::RegimenTerms(RegimenTerms&&) noexcept = default;
RegimenTerms& RegimenTerms::operator=(RegimenTerms&&) noexcept = default;
RegimenTerms::~RegimenTerms() = default;

}  // namespace gantry
