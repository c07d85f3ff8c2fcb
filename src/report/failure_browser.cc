#include "report/failure_browser.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"
#include "report/section_html.h"
#include "report/sections.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

// [[text, weight], ...]: the model's text in pieces, weight 0 where nothing was weighed.
Json pieces(const std::string& text, const std::vector<WeighedSpan>& spans) {
  Json out = Json::array();
  size_t at = 0;
  for (const auto& span : spans) {
    if (span.begin < at || span.end > text.size() || span.begin >= span.end) continue;
    if (span.begin > at) out.push_back({text.substr(at, span.begin - at), 0});
    out.push_back(
        {text.substr(span.begin, span.end - span.begin), std::round(span.weight * 100) / 100});
    at = span.end;
  }
  if (at < text.size()) out.push_back({text.substr(at), 0});
  return out;
}

Json neighbours_json(const std::vector<Neighbour>& neighbours) {
  Json out = Json::array();
  for (const auto& n : neighbours)
    out.push_back({{"id", n.id},
                   {"source", n.source},
                   {"label", n.label >= 0 ? Json(n.label) : Json(n.answer)},
                   {"similarity", std::round(n.similarity * 1000) / 1000},
                   {"text", n.text}});
  return out;
}

// Empty columns are left out.
Json fields_json(const std::vector<std::pair<std::string, std::string>>& fields) {
  Json out = Json::array();
  for (const auto& [key, value] : fields)
    if (!value.empty()) out.push_back({key, value});
  return out;
}

double rounded(double probability) { return std::round(probability * 1e4) / 1e4; }

Json failure(const TestReport& r, size_t index) {
  const TestedCase& c = r.cases[index];
  Json out = {{"id", c.id},          {"source", c.source},
              {"date", c.date},      {"question", "group"},
              {"truth", c.truth},    {"answer", c.predicted},
              {"held", c.abstained}, {"text", pieces(c.model_text, c.weighed)}};
  out["others"] = Json::array();
  for (size_t g = 0; g < c.probability.size(); ++g)
    out["others"].push_back({r.labels.at(g), rounded(c.probability[g])});
  out["sure"] =
      c.probability.empty() ? 0 : rounded(c.probability.at(static_cast<size_t>(c.predicted)));
  if (c.original != c.model_text) out["whole"] = c.original;
  out["fields"] = fields_json(c.fields);
  out["arms"] = c.baseline_predicted;
  Json readers = Json::array();
  for (const auto& reader : r.readers)
    readers.push_back(index < reader.label.size() ? reader.label[index] : -1);
  out["readers"] = std::move(readers);
  out["neighbours"] = neighbours_json(c.neighbours);
  return out;
}

Json failure(const AnswerFailure& f) {
  Json out = {{"id", f.id},
              {"source", f.source},
              {"date", f.date},
              {"question", f.question},
              {"truth", f.truth},
              {"answer", f.answer},
              {"held", f.held},
              {"text", pieces(f.model_text, f.weighed)},
              {"sure", rounded(f.confidence)}};
  out["others"] = Json::array();
  for (const auto& [answer, probability] : f.others)
    out["others"].push_back({answer, rounded(probability)});
  if (f.original != f.model_text) out["whole"] = f.original;
  out["fields"] = fields_json(f.fields);
  out["arms"] = Json::array();
  for (const auto& [name, answer] : f.other_arms)
    out["arms"].push_back({{name, in_japanese(name)}, answer});
  out["readers"] = Json::array();
  out["neighbours"] = neighbours_json(f.neighbours);
  return out;
}

Json browser_data(const TestReport& r) {
  Json out;
  out["run"] = r.run;
  out["groups"] = Json::array();
  for (size_t g = 0; g < r.labels.size(); ++g) {
    const Words w = group_words(r, static_cast<int>(g));
    out["groups"].push_back({w.en, w.ja});
  }
  out["labels"] = r.labels;
  out["readers"] = Json::array();
  for (const auto& reader : r.readers) out["readers"].push_back(reader.reader);
  out["arms"] = Json::array();
  for (const auto& c : r.classifiers)
    if (!c.is_model) out["arms"].push_back({c.name, in_japanese(c.name)});
  out["failures"] = Json::array();
  if (!r.classifiers.empty())
    for (size_t i = 0; i < r.cases.size(); ++i)
      if (r.cases[i].predicted != r.cases[i].truth) out["failures"].push_back(failure(r, i));
  for (const auto& f : r.answer_failures) out["failures"].push_back(failure(f));
  return out;
}

// Inside a script element only "</" and "<!" could end it: every "<" is written as an escape.
std::string inside_script(const std::string& json) {
  std::string out;
  for (char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

// Suggested categories of failures; people may write their own.
const Words kCategories[] = {
    {"reference standard in doubt", "参照基準に疑義"},
    {"negation or uncertainty", "否定・不確実な表現"},
    {"comparison with an earlier examination", "前回検査との比較"},
    {"other organ", "他臓器の所見"},
    {"several lesions that differ", "病変ごとに経過が異なる"},
    {"history, not finding", "既往の記載（今回の所見でない）"},
    {"section missing or cut wrongly", "区分の欠落・誤った切り分け"},
    {"wording not seen in training", "学習にない言い回し"},
};

std::string category_options() {
  std::string out;
  for (const Words& w : kCategories)
    out += "<option value=\"" + escape_html(w.en) + "\" data-en=\"" + escape_html(w.en) +
           "\" data-ja=\"" + escape_html(w.ja) + "\">";
  return out;
}

constexpr const char* kControls = R"(
<div class="controls" id="failure-controls">
<label><span class="en">kind</span><span class="ja">種類</span> <select id="f-kind"></select></label>
<label><span class="en">source</span><span class="ja">施設</span> <select id="f-source"></select></label>
<label><span class="en">category</span><span class="ja">分類</span> <select id="f-category"></select></label>
<label><span class="en">words</span><span class="ja">語句</span> <input id="f-words" type="search" size="12"></label>
<label><span class="en">order</span><span class="ja">並び</span> <select id="f-order">
<option value="sure" data-en="surest first" data-ja="確信の高い順">surest first</option>
<option value="unsure" data-en="least sure first" data-ja="確信の低い順">least sure first</option>
<option value="id" data-en="id" data-ja="番号順">id</option>
<option value="date" data-en="date" data-ja="日付順">date</option>
<option value="long" data-en="longest first" data-ja="長い順">longest first</option></select></label>
<button id="f-csv" type="button"><span class="en">Export categories (CSV)</span><span class="ja">分類を書き出す (CSV)</span></button>
<button id="f-json" type="button">JSON</button>
</div>
<p class="soft"><span id="f-shown"></span></p>
<div id="failure-list"></div>
<p class="pager"><button id="f-back" type="button">&larr;</button> <span id="f-page"></span> <button id="f-next" type="button">&rarr;</button></p>
<noscript><p class="banner">The failures are drawn by the page's own program, which is switched off here; tables/failures.csv lists them. / 誤りの一覧はこのページのプログラムが描きますが、ここでは無効です。tables/failures.csvに一覧があります。</p></noscript>
)";

}  // namespace

std::string failure_browser_html(const TestReport& r) {
  int64_t wrong = static_cast<int64_t>(r.answer_failures.size()), all = r.answers_judged;
  if (!r.classifiers.empty()) {
    all += static_cast<int64_t>(r.cases.size());
    for (const auto& c : r.cases) wrong += c.predicted != c.truth;
  }
  if (all == 0) return {};
  const std::string n = with_commas(all);
  std::string out =
      "<section id=\"failures\"><h2>" + words_html({"Every failure", "全ての誤り"}) + "</h2>\n";
  if (wrong == 0)
    return out + "<p>" + words_html({"None of the " + n + " answers.", n + "件中なし。"}) +
           "</p></section>\n";
  Words lead{with_commas(wrong) + " of " + n + " answers.",
             n + "件の解答のうち" + with_commas(wrong) + "件。"};
  if (r.weighed_by.empty()) {
    lead.en += " No words were weighed.";
    lead.ja += "語の重みは求めていません。";
  } else {
    lead.en += " Shading: what spoke for the answer given (blue) and against it (orange), by " +
               r.weighed_by + ".";
    lead.ja +=
        "色は解答を支持した語（青）と反対した語（橙）。求め方: " + in_japanese(r.weighed_by) + "。";
  }
  return out + "<p>" + words_html(lead) + "</p>\n" + kControls + "<datalist id=\"f-categories\">" +
         category_options() + "</datalist>\n" +
         "<script type=\"application/json\" id=\"failure-data\">" +
         inside_script(browser_data(r).dump(-1, ' ', false, Json::error_handler_t::replace)) +
         "</script>\n</section>\n";
}

}  // namespace gantry
