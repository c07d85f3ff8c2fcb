#include "report/published_example.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "stats/paired_tests.h"
#include "stats/prevalence.h"
#include "stats/proportion.h"
#include "study/data_folder.h"

namespace gantry {
namespace {

int64_t sum(const std::vector<int64_t>& v) {
  return std::accumulate(v.begin(), v.end(), int64_t{0});
}

std::vector<int64_t> numbers(const toml::node_view<const toml::node>& node) {
  std::vector<int64_t> out;
  if (const auto* list = node.as_array())
    for (const auto& v : *list) out.push_back(v.value_or(int64_t{-1}));
  return out;
}

std::vector<std::string> texts(const toml::node_view<const toml::node>& node) {
  std::vector<std::string> out;
  if (const auto* list = node.as_array())
    for (const auto& v : *list) out.push_back(v.value_or(std::string()));
  return out;
}

void check(const PublishedTable& t, const std::string& file) {
  const size_t k = t.groups.size();
  bool fits = k >= 2 && t.names.size() == k && t.cases.size() == k && t.natural.size() == k &&
              !t.raters.empty();
  for (size_t g = 0; fits && g < k; ++g) fits = t.cases[g] > 0 && t.natural[g] >= t.cases[g];
  for (const auto& r : t.raters) {
    fits = fits && r.errors.size() == k;
    for (size_t g = 0; fits && g < k; ++g) fits = r.errors[g] >= 0 && r.errors[g] <= t.cases[g];
  }
  if (!fits)
    throw Error("E0804", file + ": the counts of groups, cases and errors do not fit together",
                "Give one number a group, errors no more than cases.");
}

// Weight of a case: patients in nature / cases in the test set.
std::vector<double> weights(const PublishedTable& t) {
  std::vector<double> out;
  for (size_t g = 0; g < t.cases.size(); ++g)
    out.push_back(static_cast<double>(t.natural[g]) / static_cast<double>(t.cases[g]));
  return out;
}

Estimate accuracy(const PublishedTable& t, const PublishedRater& r) {
  return wilson(sum(t.cases) - sum(r.errors), sum(t.cases));
}

ReportSection results(const PublishedTable& t) {
  ReportSection s{.name = "results", .title = {"The published table", "公表された表"}};
  s.say(t.note, ReportParagraph::Tone::kSoft);
  ReportTable& table = s.table(
      "readers",
      {"Model and readers against the reference standard, n = " + with_commas(sum(t.cases)) +
           "; Wilson intervals",
       "参照基準に対するモデルと読影者（n = " + with_commas(sum(t.cases)) + "、Wilson区間）"},
      {{"who", "判定者"}, {"accuracy", "正診率"}});
  for (size_t g = 0; g < t.groups.size(); ++g)
    table.head.push_back({"sensitivity, " + t.names[g].en, "感度 " + t.names[g].ja});
  table.head.push_back({"seconds", "秒"});
  table.head.push_back({"seconds a report", "1件あたりの秒"});
  Chart forest{
      .name = "accuracy",
      .kind = ChartKind::kForest,
      .caption = {"Accuracy and sensitivities, Wilson intervals", "正診率と感度（Wilson区間）"},
      .x_label = {"share right", "正答の割合"},
      .wide = true};
  ChartSeries points;
  auto point = [&](const Words& name, const Estimate& e) {
    forest.categories.push_back(name.en);
    forest.words.push_back(name);
    points.y.push_back(e.value);
    points.lower.push_back(e.lower);
    points.upper.push_back(e.upper);
    points.texts.push_back(with_commas(e.count) + " of " + with_commas(e.n));
  };
  for (const auto& r : t.raters) {
    const Estimate all = accuracy(t, r);
    std::vector<Cell> row = {r.name, Cell::figure(all)};
    point({r.name.en + ": accuracy", r.name.ja + ": 正診率"}, all);
    for (size_t g = 0; g < t.groups.size(); ++g) {
      const Estimate e = wilson(t.cases[g] - r.errors[g], t.cases[g]);
      row.push_back(Cell::figure(e));
      point({r.name.en + ": group " + t.groups[g], r.name.ja + ": 感度 群 " + t.groups[g]}, e);
    }
    row.push_back(Cell::value(r.seconds, 0));
    row.push_back(Cell::value(r.seconds / static_cast<double>(sum(t.cases)), 2));
    table.rows.push_back(std::move(row));
  }
  forest.series = {points};
  s.charts.push_back(std::move(forest));
  return s;
}

// Without single readings the overlap of two error lists is unknown: McNemar's p lies in a range.
ReportSection paired(const PublishedTable& t) {
  ReportSection s{.name = "paired", .title = {"Model against each reader", "モデルと各読影者"}};
  s.say(
      {"The paper gives no single readings, so that a paired test cannot be done as it should: how "
       "many reports both got wrong is unknown. Every overlap that the counts allow gives an exact "
       "McNemar p within the range below.",
       "個々の判読は公表されておらず、双方が誤った件数が不明なため、対応のある検定はできません。"
       "件数から可能な全ての重なりについて、McNemar検定（正確）のpは下の範囲に入ります。"});
  ReportTable& table =
      s.table("paired", {"Paired comparison, as far as counts allow", "件数から言える対応比較"},
              {{"reader", "読影者"},
               {"errors: model", "誤り: モデル"},
               {"errors: reader", "誤り: 読影者"},
               {"errors in common", "共通の誤り"},
               {"McNemar p, least overlap", "p（重なり最小）"},
               {"McNemar p, most overlap", "p（重なり最大）"},
               {"difference in accuracy, model - reader (Newcombe, unpaired)",
                "正診率の差（Newcombe, 対応なし）"}});
  const auto model = std::find_if(t.raters.begin(), t.raters.end(),
                                  [](const PublishedRater& r) { return r.is_model; });
  if (model == t.raters.end()) return s;
  for (const auto& r : t.raters) {
    if (r.is_model) continue;
    int64_t most = 0, least = 0;
    for (size_t g = 0; g < t.cases.size(); ++g) {
      most += std::min(model->errors[g], r.errors[g]);
      least += std::max<int64_t>(0, model->errors[g] + r.errors[g] - t.cases[g]);
    }
    const int64_t a = sum(model->errors), b = sum(r.errors), n = sum(t.cases);
    table.rows.push_back({r.name, Cell::count(a), Cell::count(b),
                          Words{std::to_string(least) + " to " + std::to_string(most),
                                std::to_string(least) + "〜" + std::to_string(most)},
                          Cell::p_value(mcnemar(b - least, a - least)),
                          Cell::p_value(mcnemar(b - most, a - most)),
                          Cell::figure(newcombe_difference(n - a, n, n - b, n))});
  }
  return s;
}

// Of all tables that the counts allow.
void add_range(std::vector<Cell>& row, const PpvRange& range) {
  row.push_back(Cell::value(range.lowest, 3));
  row.push_back(Cell::value(range.highest, 3));
}

ReportSection natural(const PublishedTable& t) {
  ReportSection s{.name = "natural_prevalence",
                  .title = {"What natural prevalence does to PPV", "自然な有病割合での陽性的中率"}};
  s.say(t.assumption, ReportParagraph::Tone::kWarning);
  s.say(
      {"Which wrong group an error was given is not published: each PPV is a range over all "
       "possibilities. \"Any\" is an answer of any group but the first.",
       "誤りがどの群と答えられたかは不明なため、陽性的中率は可能な範囲で示します。"});
  const std::vector<double> plain(t.cases.size(), 1), natural = weights(t);
  const std::string n = with_commas(sum(t.cases)), patients = with_commas(sum(t.natural));
  ReportTable& table = s.table(
      "ppv", {"PPV in the test set and in nature", "テストセットと自然な割合での陽性的中率"},
      {{"who", "判定者"},
       {"answer", "解答"},
       {"PPV in the test set (n = " + n + "), lowest", "テストセット（n = " + n + "）、最低"},
       {"highest", "最高"},
       {"PPV in nature (" + patients + " patients), lowest",
        "自然な割合（" + patients + "名）、最低"},
       {"highest", "最高"}});
  for (const auto& r : t.raters) {
    for (size_t g = 1; g < t.groups.size(); ++g) {
      table.rows.push_back({r.name, t.names[g]});
      add_range(table.rows.back(), ppv_range(t.cases, r.errors, plain, g));
      add_range(table.rows.back(), ppv_range(t.cases, r.errors, natural, g));
    }
    table.rows.push_back({r.name, Words{"any", "いずれか"}});
    add_range(table.rows.back(), ppv_range_any(t.cases, r.errors, plain));
    add_range(table.rows.back(), ppv_range_any(t.cases, r.errors, natural));
  }
  return s;
}

// Intervals for "any", when every error of a metastasis group was the answer "none": the lowest
// sensitivity the counts allow.
void add_predictive_values(const PublishedTable& t, ReportSection& s) {
  const int64_t positives = sum(t.cases) - t.cases[0];
  const double share = 1 - static_cast<double>(t.natural[0]) / static_cast<double>(sum(t.natural));
  ReportTable& table = s.table(
      "predictive_values",
      {"Predictive values of \"any\" at the natural prevalence of " +
           format_double(100 * share, 2) + " % (" + with_commas(sum(t.natural) - t.natural[0]) +
           " of " + with_commas(sum(t.natural)) + "), if every missed case was answered \"none\"",
       "自然な割合" + format_double(100 * share, 2) + " %（" + with_commas(sum(t.natural)) +
           "名中" + with_commas(sum(t.natural) - t.natural[0]) +
           "名）での「いずれか」の的中率（見落としは全て「なし」と解答されたと仮定）"},
      {{"who", "判定者"}, {"PPV", "陽性的中率"}, {"NPV", "陰性的中率"}, {"accuracy", "正診率"}});
  for (const auto& r : t.raters) {
    const int64_t missed = sum(r.errors) - r.errors[0];
    const auto v = predictive_values(positives - missed, positives, t.cases[0] - r.errors[0],
                                     t.cases[0], share);
    std::vector<Stratum> strata;
    for (size_t g = 0; g < t.cases.size(); ++g)
      strata.push_back({t.cases[g] - r.errors[g], t.cases[g], static_cast<double>(t.natural[g])});
    table.rows.push_back({r.name, Cell::figure(v.ppv), Cell::figure(v.npv),
                          Cell::figure(weighted_proportion(strata))});
  }
}

}  // namespace

std::vector<std::string> known_examples() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(data_file("tasks/examples")))
    if (entry.path().extension() == ".toml") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

PublishedTable read_published_table(const std::string& name) {
  const auto known = known_examples();
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    std::string list;
    for (const auto& one : known) list += (list.empty() ? "" : ", ") + one;
    throw Error("E0806", "there is no example '" + name + "'", "Known examples: " + list + ".");
  }
  const auto file = data_file("tasks/examples/" + name + ".toml");
  PublishedTable t;
  try {
    const toml::table data = toml::parse(read_file(file));
    const auto node = [&](const char* key) { return data[key]; };
    t.title = {data["title"].value_or(name), data["title_ja"].value_or(std::string())};
    t.assumption = {data["natural"]["assumption"].value_or(std::string()),
                    data["natural"]["assumption_ja"].value_or(std::string())};
    t.source = data["source"].value_or(std::string());
    t.note = {data["note"].value_or(std::string()), data["note_ja"].value_or(std::string())};
    t.groups = texts(node("groups"));
    const auto en = texts(node("names")), ja = texts(node("names_ja"));
    for (size_t g = 0; g < en.size(); ++g) t.names.emplace_back(en[g], g < ja.size() ? ja[g] : "");
    t.cases = numbers(node("test"));
    t.natural = numbers(data["natural"]["counts"]);
    if (const auto* raters = data["rater"].as_array())
      for (const auto& item : *raters) {
        const auto& r = *item.as_table();
        t.raters.push_back(
            {{r["name"].value_or(std::string()), r["name_ja"].value_or(std::string())},
             r["model"].value_or(false),
             numbers(r["errors"]),
             r["seconds"].value_or(0.0)});
      }
  } catch (const toml::parse_error& error) {
    throw Error("E0804", file.string() + ": not TOML (" + std::string(error.description()) + ")",
                "Restore the file from the program's package.");
  }
  check(t, file.string());
  return t;
}

PpvRange ppv_range(const std::vector<int64_t>& cases, const std::vector<int64_t>& errors,
                   const std::vector<double>& weight, size_t group) {
  double right = static_cast<double>(cases[group] - errors[group]) * weight[group], wrong = 0;
  for (size_t g = 0; g < cases.size(); ++g)
    if (g != group) wrong += static_cast<double>(errors[g]) * weight[g];
  // With two groups every error of the other group is this answer: no choice is left.
  const double fewest = cases.size() > 2 ? 0 : wrong;
  return {right / (right + wrong), right / (right + fewest)};
}

PpvRange ppv_range_any(const std::vector<int64_t>& cases, const std::vector<int64_t>& errors,
                       const std::vector<double>& weight) {
  const double false_positives = static_cast<double>(errors[0]) * weight[0];
  double right = 0, wrong = 0;
  for (size_t g = 1; g < cases.size(); ++g) {
    right += static_cast<double>(cases[g] - errors[g]) * weight[g];
    wrong += static_cast<double>(errors[g]) * weight[g];
  }
  // A wrong answer of a later group is either "none" or another of the later groups.
  const double most = right + (cases.size() > 2 ? wrong : 0);
  return {right / (right + false_positives), most / (most + false_positives)};
}

std::vector<ReportSection> published_sections(const PublishedTable& t) {
  ReportSection n = natural(t);
  add_predictive_values(t, n);
  return {results(t), paired(t), std::move(n)};
}

PlainPage published_page(const PublishedTable& t) {
  return {.title = t.title,
          .lead = {"Source: " + t.source, "出典: " + t.source},
          .foot = {t.source + " · counts reconstructed, not the authors' data",
                   t.source + " · 件数は再構成。著者のデータではありません"}};
}

}  // namespace gantry
