#include "report/facts.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"
#include "report/sections.h"
#include "stats/agreement.h"

namespace gantry {
namespace {

using Facts = std::map<std::string, Words>;

void put(Facts& facts, const std::string& name, const Words& text) {
  if (!text.empty()) facts[name] = text;
}
// As written: names, hashes, what people wrote.
void put_plain(Facts& facts, const std::string& name, const std::string& text) {
  put(facts, name, {text, text});
}

// A further sentence of a fact.
void add(Words& to, const Words& more, const char* between_en = " ", const char* between_ja = "") {
  to = {to.en + (to.en.empty() ? "" : between_en) + more.en,
        to.ja + (to.ja.empty() ? "" : between_ja) + (more.ja.empty() ? more.en : more.ja)};
}

std::string joined(const std::set<std::string>& words, const char* between = ", ") {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : between) + w;
  return out;
}

void identity_facts(const TestReport& r, Facts& f) {
  std::string trained, tested;
  for (const auto& [key, value] : r.identity) {
    if (key == "base model") put_plain(f, "base_model", value);
    if (key == "base weights (SHA-256)") put_plain(f, "base_hash", value);
    if (key == "data (SHA-256)") put_plain(f, "data_hash", value);
    if (key == "split (SHA-256)") put_plain(f, "split_hash", value);
    if (key == "settings (SHA-256)") put_plain(f, "settings_hash", value);
    if (key == "seed") put_plain(f, "seed", value);
    if (key == "trained by") trained = value;
    if (key == "tested by") tested = value;
  }
  if (!tested.empty())
    put(f, "software",
        {"Trained by " + trained + "; tested by " + tested,
         "学習: " + trained + "、テスト: " + tested});
}

void set_facts(const TestReport& r, Facts& f) {
  for (const auto& set : r.sets) {
    const std::string reports = with_commas(set.reports), patients = with_commas(set.patients);
    const Words text{set.name + " set: " + reports + " reports of " + patients + " patients",
                     in_japanese(set.name + " set") + ": " + patients + "名・" + reports + "件"};
    if (set.name == "test") put(f, "test_set", text);
    if (set.name == "training") put(f, "training_set", text);
    for (size_t g = 0; g < set.per_group.size() && g < set.per_group_before.size(); ++g) {
      if (set.per_group_before[g] <= set.per_group[g]) continue;
      const std::string kept = with_commas(set.per_group[g]),
                        of = with_commas(set.per_group_before[g]);
      Words& sampling = f["sampling"];
      if (sampling.empty()) sampling = {"Under-sampled:", "間引き:"};
      const bool first = sampling.en.back() == ':';
      add(sampling,
          {set.name + " set, group " + r.labels[g] + ": " + kept + " of " + of,
           in_japanese(set.name + " set") + "の群" + in_japanese(r.labels[g]) + "は" + of +
               "件から" + kept + "件"},
          first ? " " : "; ", first ? " " : "、");
    }
  }
  if (!r.sets.empty() && !f.count("sampling"))
    f["sampling"] = {"Every eligible report was used; none was taken out by sampling.",
                     "適格な全てのレポートを用い、間引きはしていません。"};
}

void data_facts(const TestReport& r, Facts& f) {
  std::set<std::string> sources, dates;
  for (const auto& c : r.cases) {
    if (!c.source.empty()) sources.insert(c.source);
    if (!c.date.empty()) dates.insert(c.date);
  }
  put_plain(f, "test_sources", joined(sources));
  if (!dates.empty())
    put(f, "test_dates",
        {*dates.begin() + " to " + *dates.rbegin(), *dates.begin() + "〜" + *dates.rbegin()});
  set_facts(r, f);
  Words flow, notes, names;
  for (const auto& step : r.flow) {
    const std::string kept = with_commas(step.kept_reports),
                      left_out = with_commas(step.dropped_reports);
    add(flow,
        {step.text + ": " + kept + " kept, " + left_out + " left out",
         in_japanese(step.text) + ": 残り" + kept + "件・除外" + left_out + "件"},
        "; ", "、");
  }
  put(f, "flow", flow);
  for (const auto& note : r.notes) add(notes, in_both(note));
  put(f, "missing", notes);
  for (size_t g = 0; g < r.labels.size(); ++g)
    add(names, group_words(r, static_cast<int>(g)), "; ", "、");
  put(f, "groups", names);
  if (!r.split_method.empty())
    put(f, "split",
        {"Split by " + r.split_method + ".", "分割の単位は" + in_japanese(r.split_method) + "。"});
  if (!r.split_proof.empty())
    put(f, "split_proof", {r.split_proof + ".", in_japanese(r.split_proof) + "。"});
}

void repeat_facts(const TestReport& r, Facts& f) {
  std::set<std::string> said;  // drawn texts stand twice: their words, and whether they are right
  for (const auto& one : r.repeated) {
    if (!said.insert(one.question + "\n" + one.how).second) continue;
    const std::string cases = with_commas(one.cases), times = std::to_string(one.times),
                      differing = with_commas(one.differing);
    add(f["repeats"],
        {cases + " cases answered again " + times + " times (" + one.question + ", " + one.how +
             "): the answer of " + differing + " differed at least once.",
         cases + "症例に" + times + "回再解答（" + in_japanese(one.question) + "、" +
             in_japanese(one.how) + "）: 一度でも解答が異なったのは" + differing + "症例。"});
  }
}

void model_facts(const TestReport& r, Facts& f) {
  Words how;
  for (const auto& [key, value] : r.answering)
    add(how, {key + ": " + value, in_japanese(key) + ": " + in_japanese(value)}, "; ", "、");
  put(f, "answering", how);
  if (!r.cases.empty()) {
    const std::string longer = with_commas(r.windowed_cases),
                      all = with_commas(static_cast<int64_t>(r.cases.size()));
    f["windows"] = {
        longer + " of " + all +
            " texts were longer than the model and read in windows; none was cut off.",
        all + "件中" + longer +
            "件の文章がモデルの上限より長く、窓に分けて読みました。切り捨てはありません。"};
  }
  if (!r.restarts.empty()) {
    double low = 1, high = 0;
    for (const auto& c : r.restarts) {
      low = std::min(low, c.best_macro_f1);
      high = std::max(high, c.best_macro_f1);
    }
    const std::string n = std::to_string(r.restarts.size()), from = format_double(low, 3),
                      to = format_double(high, 3);
    f["restarts"] = {n + " restarts, macro F1 " + from + " to " + to + " on their tuning cases",
                     "再学習" + n + "回、調整用症例でのマクロF1は" + from + "〜" + to};
    f["selection"] = {
        "Epoch, restart, temperature and threshold were chosen on tuning cases alone.",
        "エポック・再学習・温度・閾値は調整用症例だけで選びました。"};
  }
  repeat_facts(r, f);
  if (r.training_seconds > 0) {
    const std::string seconds = format_double(r.training_seconds, 0),
                      memory = format_bytes(static_cast<double>(r.peak_memory_bytes));
    f["compute"] = {seconds + " s of training steps, peak memory " + memory + ", on this machine.",
                    "学習の所要時間" + seconds + "秒、最大メモリ" + memory + "（この計算機）。"};
  }
}

void figure_facts(const TestReport& r, Facts& f) {
  const TestedClassifier* m = model_of(r);
  if (m == nullptr) return;
  const Evaluation& e = m->evaluation;
  put(f, "model", in_both(m->name));
  const Words accuracy = figure_words(e.accuracy), f1 = figure_words(e.macro_f1);
  Words text{"Accuracy " + accuracy.en + "; macro F1 " + f1.en,
             "正診率 " + accuracy.ja + "、マクロF1 " + f1.ja};
  for (size_t g = 0; g < e.of_class.size(); ++g) {
    const Words sensitivity = figure_words(e.of_class[g].sensitivity);
    add(text,
        {"sensitivity of group " + r.labels[g] + " " + sensitivity.en,
         "感度（群 " + in_japanese(r.labels[g]) + "）" + sensitivity.ja},
        "; ", "、");
  }
  f["performance"] = {text.en + ".", text.ja + "。"};
  f["intervals"] = {"95 %: " + e.accuracy.method + " for proportions; " + e.macro_f1.method +
                        " for sums such as F1; DeLong for AUC; McNemar (exact) for paired answers.",
                    "95 %: 割合は" + e.accuracy.method + "、F1などは" +
                        in_japanese(e.macro_f1.method) +
                        "、AUCはDeLong、対応のある解答はMcNemar（正確）。"};
  const Words given = figure_words(r.coverage), right = figure_words(r.answered_accuracy);
  const std::string threshold = format_double(r.abstention.threshold, 3);
  f["abstention"] =
      r.abstention.attainable
          ? Words{"Held back below a probability of " + threshold +
                      ", chosen on tuning cases; answered " + given.en + "; right among those " +
                      right.en + ".",
                  "確率が" + threshold + "未満なら保留（閾値は調整用症例で決定）。解答した割合 " +
                      given.ja + "、うち正答 " + right.ja + "。"}
          : Words{"Every report is answered: no threshold was set.",
                  "全てのレポートに解答（閾値なし）。"};
  int64_t wrong = 0;
  for (const auto& c : r.cases) wrong += c.predicted != c.truth;
  const std::string errors = with_commas(wrong),
                    all = with_commas(static_cast<int64_t>(r.cases.size()));
  f["failures"] = {"All " + errors + " errors of " + all +
                       " reports are in the failure browser with text, words and neighbours.",
                   all + "件中の誤り" + errors +
                       "件は全て、文章・語の重み・近い学習症例とともに誤りの一覧にあります。"};
}

void reader_facts(const TestReport& r, Facts& f) {
  if (!r.margins.empty()) {
    const std::string margin = format_double(r.margins.back().margin, 3);
    const bool changed = r.margins.size() > 1;
    f["margin"] = {"margin " + margin + ", first declared " + r.margins.front().at +
                       (changed ? ", changed since" : ""),
                   "マージン" + margin + "（最初の宣言 " + r.margins.front().at +
                       (changed ? "、その後変更あり）" : "）")};
  }
  if (r.readers.empty()) return;
  const std::string n = std::to_string(r.readers.size());
  f["readers"] = {n + " readers read the test set.", n + "名の読影者がテストセットを判読。"};
  if (r.readers.size() < 2) return;
  std::vector<int> reading;
  for (size_t i = 0; i < r.cases.size(); ++i)
    for (const auto& reader : r.readers) reading.push_back(reader.label[i]);
  const auto counts = count_readings(static_cast<int>(r.labels.size()),
                                     static_cast<int>(r.readers.size()), reading);
  const Words alpha = figure_words(krippendorff_alpha(counts));
  f["reader_agreement"] = {
      "Between " + n + " readers of the test set: Krippendorff's alpha " + alpha.en + ".",
      "テストセットの読影者" + n + "名の一致度: Krippendorffのα " + alpha.ja + "。"};
}

}  // namespace

std::map<std::string, Words> report_facts(const TestReport& r) {
  Facts f;
  put(f, "title", {r.title, r.title_ja.empty() ? r.title : r.title_ja});
  put(f, "question", {r.question, r.question_ja.empty() ? r.question : r.question_ja});
  put(f, "data_note",
      r.synthetic ? Words{"SYNTHETIC data. " + r.data_note, "合成データ。" + r.data_note}
                  : Words{r.data_note, r.data_note});
  put_plain(f, "tested_at", r.tested_at);
  put(f, "weighed_by", in_both(r.weighed_by));
  f["looks"] = r.looks <= 1
                   ? Words{"The test set was opened once, for this test.",
                           "テストセットを開いたのはこの1回です。"}
                   : Words{"The test set was opened " + std::to_string(r.looks) + " times.",
                           "テストセットを開いたのは" + std::to_string(r.looks) + "回です。"};
  identity_facts(r, f);
  data_facts(r, f);
  model_facts(r, f);
  figure_facts(r, f);
  reader_facts(r, f);
  for (const auto& s : r.sections)
    if (s.name == "robustness")
      f["robustness"] = {"Tested; see the report's section \"Robustness\".",
                         "実施。本レポートの「頑健性」の節を参照。"};
  if (r.split_method.find("source") != std::string::npos)
    f["external"] = {"The test set's sources were not trained on (split by source).",
                     "テストセットの施設は学習に用いていません（施設別の分割）。"};
  return f;
}

namespace {

std::string filled(const std::string& text, const std::map<std::string, Words>& facts,
                   std::string Words::*language, std::vector<std::string>& missing) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t end = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      out += text[i++];
      continue;
    }
    const std::string name = text.substr(i + 1, end - i - 1);
    auto fact = facts.find(name);
    if (fact == facts.end())
      missing.push_back(name);
    else
      out += (fact->second.*language).empty() ? fact->second.en : fact->second.*language;
    i = end + 1;
  }
  return out;
}

// A fact that is missing leaves the stop behind it alone: "Known. ." is "Known.".
std::string without_lone_stops(std::string text) {
  for (const char* stop : {".", "。"})
    for (const std::string before : {" ", stop}) {
      const std::string twice = before + stop;
      for (size_t at = 0; (at = text.find(twice, at)) != std::string::npos;)
        text.erase(at, before.size());
    }
  return text;
}

}  // namespace

Words fill_facts(const Words& text, const std::map<std::string, Words>& facts,
                 std::vector<std::string>& missing) {
  std::vector<std::string> again;
  Words out{filled(text.en, facts, &Words::en, missing),
            filled(text.ja.empty() ? text.en : text.ja, facts, &Words::ja, again)};
  if (missing.empty()) return out;
  return {without_lone_stops(out.en), without_lone_stops(out.ja)};
}

}  // namespace gantry
