#include "report/failure_browser.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"
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

Json failure(const TestReport& r, size_t index) {
  const TestedCase& c = r.cases[index];
  Json out = {{"id", c.id},
              {"source", c.source},
              {"date", c.date},
              {"truth", c.truth},
              {"answer", c.predicted},
              {"held", c.abstained},
              {"text", pieces(c.model_text, c.weighed)}};
  Json probability = Json::array();
  for (double p : c.probability) probability.push_back(std::round(p * 1e4) / 1e4);
  out["probability"] = std::move(probability);
  if (c.original != c.model_text) out["whole"] = c.original;
  Json fields = Json::array();
  for (const auto& [key, value] : c.fields) fields.push_back({key, value});
  out["fields"] = std::move(fields);
  out["baselines"] = c.baseline_predicted;
  Json readers = Json::array();
  for (const auto& reader : r.readers)
    readers.push_back(index < reader.label.size() ? reader.label[index] : -1);
  out["readers"] = std::move(readers);
  out["neighbours"] = Json::array();
  for (const auto& n : c.neighbours)
    out["neighbours"].push_back({{"id", n.id},
                                 {"source", n.source},
                                 {"label", n.label},
                                 {"similarity", std::round(n.similarity * 1000) / 1000},
                                 {"text", n.text}});
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
  out["baselines"] = Json::array();
  for (const auto& c : r.classifiers)
    if (!c.is_model) out["baselines"].push_back(c.name);
  out["failures"] = Json::array();
  for (size_t i = 0; i < r.cases.size(); ++i)
    if (r.cases[i].predicted != r.cases[i].truth) out["failures"].push_back(failure(r, i));
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

constexpr const char* kControls = R"(
<div class="controls" id="failure-controls">
<label><span class="en">kind</span><span class="ja">種類</span> <select id="f-kind"></select></label>
<label><span class="en">source</span><span class="ja">施設</span> <select id="f-source"></select></label>
<label><span class="en">category</span><span class="ja">分類</span> <select id="f-category"></select></label>
<label><span class="en">words</span><span class="ja">語句</span> <input id="f-words" type="search" size="12"></label>
<label><span class="en">order</span><span class="ja">並び</span> <select id="f-order">
<option value="sure">surest first / 確信の高い順</option><option value="unsure">least sure first / 低い順</option>
<option value="id">id</option><option value="date">date / 日付</option><option value="long">longest first / 長い順</option></select></label>
<button id="f-csv" type="button"><span class="en">Export categories (CSV)</span><span class="ja">分類を書き出す (CSV)</span></button>
<button id="f-json" type="button">JSON</button>
</div>
<p class="soft"><span id="f-shown"></span></p>
<datalist id="f-categories"><option value="reference standard in doubt"><option value="negation or uncertainty"><option value="comparison with an earlier examination"><option value="other organ"><option value="several lesions that differ"><option value="history, not finding"><option value="section missing or cut wrongly"><option value="wording not seen in training"></datalist>
<div id="failure-list"></div>
<p class="pager"><button id="f-back" type="button">&larr;</button> <span id="f-page"></span> <button id="f-next" type="button">&rarr;</button></p>
<noscript><p class="banner">The failures are drawn by the page's own program, which is switched off here; tables/failures.csv lists them.</p></noscript>
)";

}  // namespace

std::string failure_browser_html(const TestReport& r) {
  if (r.cases.empty() || r.classifiers.empty()) return {};
  int64_t wrong = 0;
  for (const auto& c : r.cases) wrong += c.predicted != c.truth;
  const std::string all = with_commas(static_cast<int64_t>(r.cases.size()));
  std::string out =
      "<section id=\"failures\"><h2>" + words_html({"Every failure", "全ての誤り"}) + "</h2>\n";
  if (wrong == 0)
    return out + "<p>" + words_html({"None of the " + all + " reports.", all + "件中なし。"}) +
           "</p></section>\n";
  out += "<p>" +
         words_html({with_commas(wrong) + " of " + all +
                         " reports. Shading: what spoke for the answer given (blue) and against it "
                         "(orange), by " +
                         r.weighed_by + ".",
                     all + "件中" + with_commas(wrong) +
                         "件。色は解答を支持した語（青）と反対した語（橙）: " + r.weighed_by}) +
         "</p>\n" + kControls + "<script type=\"application/json\" id=\"failure-data\">" +
         inside_script(browser_data(r).dump(-1, ' ', false, Json::error_handler_t::replace)) +
         "</script>\n</section>\n";
  return out;
}

}  // namespace gantry
