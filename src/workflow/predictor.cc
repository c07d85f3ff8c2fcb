#include "workflow/predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "stats/calibration.h"

namespace gantry {
namespace {

constexpr int kFormat = 1;
// What a new record needs to become the same text the model was trained on.
constexpr std::string_view kKeptSections[] = {"study", "columns", "labels", "sections",
                                              "focus", "model",   "tfidf",  "predict"};

[[noreturn]] void damaged(const std::filesystem::path& file, const std::string& why) {
  throw Error("E0711", file.string() + ": " + why,
              "Train again (`gantry train`), or restore the folder.");
}

Settings read_settings(const nlohmann::json& kept) {
  Settings settings;
  for (const auto& [section, keys] : kept.items())
    for (const auto& [key, value] : keys.items())
      override_setting(settings, section + "." + key + "=" + value.dump());
  return settings;
}

// The model would read other texts than it was trained on. Folders from before the hash was kept
// hold none.
void check_tables(const std::filesystem::path& file, const std::string& trained_with,
                  const Settings& settings) {
  if (trained_with.empty() || trained_with == text_tables_hash(settings)) return;
  std::string tables = "headings.toml";
  for (const std::string& name : {settings.sections.wording, settings.focus.concepts})
    if (!name.empty()) tables += ", " + name;
  throw Error("E0713",
              file.string() + ": trained with other tables of the program's data folder (" +
                  tables + ") than are there now",
              "Train again (`gantry train`), or put the tables back as they were.");
}

}  // namespace

const std::string& ngram_member_text(const Case& item, const Settings& settings) {
  return settings.tfidf.blocks.empty() ? item.baseline_text : item.blocks_text;
}

int ngram_member_blocks(const Settings& settings) {
  return std::max(1, static_cast<int>(settings.tfidf.blocks.size()));
}

PredictorText predictor_text(const Case& item, const Settings& settings) {
  return {item.id, item.text, ngram_member_text(item, settings)};
}

std::vector<double> joined_scores(std::span<const std::vector<float>> encoders,
                                  std::span<const double> ngrams, double ngram_weight,
                                  int classes) {
  const size_t n = encoders.empty() ? ngrams.size() : encoders[0].size();
  std::vector<double> scores(n);
  const double share =
      encoders.empty() ? 0 : (1 - ngram_weight) / static_cast<double>(encoders.size());
  for (const auto& logits : encoders) {
    GANTRY_CHECK(logits.size() == n);
    for (size_t row = 0; row < n; row += static_cast<size_t>(classes)) {
      double mean = 0;
      for (int c = 0; c < classes; ++c) mean += logits[row + static_cast<size_t>(c)];
      mean /= classes;
      for (int c = 0; c < classes; ++c)
        scores[row + static_cast<size_t>(c)] +=
            share * (logits[row + static_cast<size_t>(c)] - mean);
    }
  }
  if (ngram_weight > 0) {
    GANTRY_CHECK(ngrams.size() == n);
    for (size_t i = 0; i < n; ++i) scores[i] += ngram_weight * ngrams[i];
  }
  return scores;
}

void write_predictor(const std::filesystem::path& folder, const PredictorDescription& about,
                     const Settings& settings) {
  nlohmann::ordered_json out;
  out["format"] = kFormat;
  out["run"] = about.run;
  out["members"] = about.members;
  out["ngram_weight"] = about.ngram_weight;
  out["temperature"] = about.temperature;
  out["abstains"] = about.abstains;
  out["threshold"] = about.threshold;
  out["error_rate"] = about.error_rate;
  out["threshold_rule"] = about.threshold_rule;
  out["windows"] = {{"prefix", about.windows.prefix},
                    {"max_tokens", about.windows.max_tokens},
                    {"overlap", about.windows.overlap},
                    {"refuse_long", about.windows.refuse_long}};
  out["labels"] = about.labels;
  out["text_tables"] = text_tables_hash(settings);
  out["settings"] = settings_json(settings, kKeptSections);
  write_file_atomically(folder / "predictor.json", out.dump(1) + "\n");
}

Predictor Predictor::open(const std::filesystem::path& folder, Precision precision) {
  auto file = folder / "predictor.json";
  Predictor out;
  try {
    auto json = nlohmann::json::parse(read_file(file));
    if (json.at("format").get<int>() != kFormat)
      damaged(file, "written by another version of Gantry");
    auto& about = out.about_;
    about.run = json.at("run");
    about.members = json.at("members").get<std::vector<std::string>>();
    about.ngram_weight = json.at("ngram_weight");
    about.temperature = json.at("temperature");
    about.abstains = json.at("abstains");
    about.threshold = json.at("threshold");
    about.error_rate = json.at("error_rate");
    about.threshold_rule = json.at("threshold_rule");
    const auto& windows = json.at("windows");
    about.windows = {windows.at("prefix"), windows.at("max_tokens"), windows.at("overlap"),
                     windows.at("refuse_long")};
    about.labels = json.at("labels").get<std::vector<std::string>>();
    out.settings_ = read_settings(json.at("settings"));
    check_tables(file, json.value("text_tables", ""), out.settings_);
  } catch (const nlohmann::json::exception& error) {
    damaged(file, std::string("not a predictor's description (") + error.what() + ")");
  }
  if (out.about_.members.empty()) damaged(file, "names no member");
  for (const auto& member : out.about_.members)
    out.encoders_.push_back(Classifier::open(folder / member, precision));
  out.tokenizer_ = Tokenizer::open(folder / out.about_.members[0]);
  out.maker_ = std::make_unique<ExampleMaker>(*out.tokenizer_, out.about_.windows);
  out.ngrams_ =
      std::make_unique<NgramClassifier>(NgramClassifier::parse(read_file(folder / "ngrams.bin")));
  out.baseline_ =
      std::make_unique<NgramClassifier>(NgramClassifier::parse(read_file(folder / "baseline.bin")));
  return out;
}

std::vector<Prediction> Predictor::predict(std::span<const PredictorText> texts) {
  const int classes = static_cast<int>(about_.labels.size());
  std::vector<Example> examples;
  examples.reserve(texts.size());
  for (const auto& text : texts) examples.push_back(maker_->make(text.id, text.text));

  std::vector<std::vector<float>> encoder_logits;
  for (auto& encoder : encoders_) encoder_logits.push_back(encoder.logits(examples));
  std::vector<double> ngram_logits;
  if (about_.ngram_weight > 0)
    for (const auto& text : texts) {
      auto logits = ngrams_->logits(text.blocks);
      ngram_logits.insert(ngram_logits.end(), logits.begin(), logits.end());
    }
  auto scores = joined_scores(encoder_logits, ngram_logits, about_.ngram_weight, classes);
  auto probabilities = softmax_with_temperature(classes, scores, about_.temperature);

  std::vector<Prediction> out(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    auto begin = probabilities.begin() + static_cast<ptrdiff_t>(i) * classes;
    out[i].probabilities.assign(begin, begin + classes);
    auto highest = std::max_element(begin, begin + classes);
    out[i].label = static_cast<int>(highest - begin);
    out[i].abstain = about_.abstains && *highest < about_.threshold;
    out[i].tokens = static_cast<int64_t>(examples[i].tokens());
    out[i].windows = static_cast<int64_t>(examples[i].windows.size());
  }
  return out;
}

std::vector<Predictor::Weight> Predictor::weigh(const PredictorText& text, int label) {
  EncodedText encoded = maker_->encode(text.id, text.text);
  auto attributions = encoders_[0].attributions(encoded.example, label);
  std::vector<Weight> out;
  for (size_t w = 0; w < attributions.size(); ++w)
    for (size_t t = 0; t < attributions[w].size(); ++t)
      if (encoded.offsets[w][t].end > encoded.offsets[w][t].begin)
        out.push_back({encoded.offsets[w][t], attributions[w][t]});
  return out;
}

}  // namespace gantry
