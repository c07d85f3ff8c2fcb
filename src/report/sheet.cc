#include "report/sheet.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"
#include "report/section_html.h"

namespace gantry {
namespace {

std::string csv_cell(const std::string& text) {
  std::string out = "\"";
  for (char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// A text that a spreadsheet would take for a formula gets a leading apostrophe; keys stay as they
// are, since they come back.
std::string csv_text(const std::string& text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@").find(text[0]) != std::string_view::npos;
  return csv_cell(formula ? "'" + text : text);
}

std::vector<std::string> columns_of(const Sheet& s) {
  std::vector<std::string> out = {s.person_column};
  out.insert(out.end(), s.keys.begin(), s.keys.end());
  out.push_back(s.answer_column);
  if (s.seconds) out.push_back("seconds");
  if (s.comment) out.push_back("comment");
  return out;
}

constexpr const char* kStyle = R"(
*{box-sizing:border-box}body{margin:0 auto;max-width:820px;padding:20px 16px 60px;color:#1c2530;background:#fff;
font:16px/1.6 system-ui,"Noto Sans CJK JP","Hiragino Sans","Yu Gothic",Meiryo,sans-serif;overflow-wrap:break-word}
h1{font-size:1.4rem}.banner{background:#fff3d6;border:1px solid #d9a441;border-radius:6px;padding:8px 12px;font-weight:600}
.ja{display:block;color:#51606f}article{border:1px solid #d5dde5;border-radius:6px;padding:12px 16px;margin:0 0 14px;break-inside:avoid}
article h2{font-size:1rem;margin:0 0 .4em}article h3{font-size:.9rem;margin:.6em 0 .1em;color:#51606f}.text{white-space:pre-wrap;background:#fafbfc;border-left:3px solid #d5dde5;padding:8px 12px}
fieldset{border:0;padding:0;margin:.7em 0 0;display:flex;flex-wrap:wrap;gap:.3em 1.4em}label{display:inline-flex;gap:.4em;align-items:baseline}
button,input{font:inherit;padding:3px 10px}textarea{width:100%;font:inherit}.bar{position:sticky;top:0;background:#fff;border-bottom:1px solid #d5dde5;padding:6px 0;display:flex;gap:.8em;flex-wrap:wrap;align-items:center}
body.single article{display:none}body.single article.now{display:block}.done h2::after{content:" \2713";color:#2a8a6b}
@media print{@page{size:A4;margin:14mm}.bar{display:none}body,body.single article{display:block}body{max-width:none;padding:0;font-size:10.5pt}textarea{border:0;border-bottom:1px solid #999;height:2.2em}}
)";

constexpr const char* kScript = R"js(
'use strict';
(() => {
const sheet = JSON.parse(document.getElementById('sheet').textContent);
const items = [...document.querySelectorAll('article')], key = 'gantry-sheet-' + sheet.id;
let kept = {}; try { kept = JSON.parse(localStorage.getItem(key) || '{}'); } catch (e) { kept = {}; }
const seconds = items.map((_, i) => (kept.seconds || [])[i] || 0);
let now = 0, since = performance.now();
const chosen = i => items[i].querySelector('input[type=radio]:checked');
const keep = () => { try { localStorage.setItem(key, JSON.stringify({answers: items.map((_, i) => chosen(i) ? chosen(i).value : ''),
  comments: items.map(a => a.querySelector('textarea') ? a.querySelector('textarea').value : ''), seconds})); } catch (e) { /* not kept */ } };
(kept.answers || []).forEach((value, i) => { if (value && items[i]) items[i].querySelectorAll('input[type=radio]').forEach(r => { r.checked = r.value === value; }); });
(kept.comments || []).forEach((text, i) => { const t = items[i] && items[i].querySelector('textarea'); if (t) t.value = text; });
const count = () => { const n = items.filter((_, i) => chosen(i)).length; document.getElementById('count').textContent = `${n} / ${items.length}`;
  items.forEach((a, i) => a.classList.toggle('done', !!chosen(i))); };
// Time runs only while the page is in sight and the case has no answer yet.
function clock() { if (document.body.classList.contains('single') && !document.hidden && !chosen(now)) seconds[now] += (performance.now() - since) / 1000; since = performance.now(); }
function show(i) { clock(); now = Math.max(0, Math.min(items.length - 1, i)); items.forEach((a, k) => a.classList.toggle('now', k === now)); since = performance.now(); window.scrollTo(0, 0); }
document.addEventListener('visibilitychange', () => { if (document.hidden) { since && (document.body.classList.contains('single') && !chosen(now) && (seconds[now] += (performance.now() - since) / 1000)); } since = performance.now(); });
items.forEach((a, i) => a.addEventListener('change', event => {
  if (event.target.type === 'radio' && document.body.classList.contains('single') && !a.classList.contains('done')) seconds[i] += (performance.now() - since) / 1000;
  since = performance.now(); count(); keep(); }));
const single = document.getElementById('single');
single.addEventListener('click', () => { clock(); document.body.classList.toggle('single'); show(Math.max(0, items.findIndex((_, i) => !chosen(i)))); });
document.getElementById('back').addEventListener('click', () => show(now - 1));
document.getElementById('next').addEventListener('click', () => show(now + 1));
const quoted = text => '"' + String(text).replaceAll('"', '""') + '"';
document.getElementById('save').addEventListener('click', () => {
  clock(); keep();
  const person = document.getElementById('person').value.trim();
  const rows = sheet.items.map((keys, i) => { const row = [person, ...keys, chosen(i) ? chosen(i).value : ''];
    if (sheet.seconds) row.push(seconds[i] > 0 ? seconds[i].toFixed(2) : '');
    if (sheet.comment) row.push(items[i].querySelector('textarea').value);
    return row.map(quoted).join(','); });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob(['\ufeff' + sheet.columns.map(quoted).join(',') + '\r\n' + rows.join('\r\n') + '\r\n'], {type: 'text/csv'}));
  link.download = sheet.id + '-filled.csv'; link.click();
});
count(); show(0);
})();
)js";

// "reader / 読影者"
std::string in_both_html(const std::string& english) {
  const std::string japanese = in_japanese(english);
  return escape_html(japanese == english ? english : english + " / " + japanese);
}

std::string article(const Sheet& s, size_t at) {
  const SheetItem& item = s.items[at];
  std::string out = "<article><h2>" + escape_html(item.heading) + "</h2>";
  for (const auto& [heading, text] : item.texts) {
    if (!heading.empty()) out += "<h3>" + in_both_html(heading) + "</h3>";
    out += "<div class=\"text\" lang=\"ja\">" + escape_html(text) + "</div>";
  }
  out += "<fieldset>";
  for (const auto& [value, meaning] : s.choices)
    out += "<label><input type=\"radio\" name=\"a" + std::to_string(at) + "\" value=\"" +
           escape_html(value) + "\"> <span>" + escape_html(value) +
           (meaning.en.empty() || meaning.en == value ? "" : " " + escape_html(meaning.en)) +
           (meaning.ja.empty() ? "" : " " + escape_html(meaning.ja)) + "</span></label>";
  out += "</fieldset>";
  if (s.comment)
    out +=
        "<p><textarea rows=\"1\" aria-label=\"comment\" placeholder=\"comment / "
        "コメント\"></textarea></p>";
  return out + "</article>\n";
}

std::string sheet_json(const Sheet& s) {
  nlohmann::json items = nlohmann::json::array();
  for (const auto& item : s.items) items.push_back(item.keys);
  const nlohmann::json json = {{"id", s.answer_column + "-" + s.person},
                               {"columns", columns_of(s)},
                               {"seconds", s.seconds},
                               {"comment", s.comment},
                               {"items", items}};
  std::string out;
  for (char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
    out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return out;
}

}  // namespace

std::string sheet_csv(const Sheet& s) {
  std::string out = "\xEF\xBB\xBF";
  auto columns = columns_of(s);
  if (s.texts_in_csv && !s.items.empty())
    for (const auto& [heading, text] : s.items.front().texts)
      columns.push_back(heading.empty() ? "text" : heading);
  for (size_t i = 0; i < columns.size(); ++i) out += (i ? "," : "") + csv_cell(columns[i]);
  out += "\r\n";
  for (const auto& item : s.items) {
    out += csv_cell(s.person);
    for (const auto& key : item.keys) out += "," + csv_cell(key);
    out += ",";  // the answer
    if (s.seconds) out += ",";
    if (s.comment) out += ",";
    if (s.texts_in_csv)
      for (const auto& [heading, text] : item.texts) out += "," + csv_text(text);
    out += "\r\n";
  }
  return out;
}

std::string sheet_html(const Sheet& s) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>" +
      escape_html(s.title.en) + "</title><style>" + kStyle + "</style></head>\n<body>\n";
  if (s.synthetic) out += "<p class=\"banner\">SYNTHETIC DATA / 合成データ</p>\n";
  out += "<h1>" + escape_html(s.title.en) + "<span class=\"ja\" lang=\"ja\">" +
         escape_html(s.title.ja) + "</span></h1>\n<p>" + escape_html(s.lead.en) +
         "<span class=\"ja\" lang=\"ja\">" + escape_html(s.lead.ja) + "</span></p>\n";
  out += "<div class=\"bar\"><label>" + in_both_html(s.person_column) +
         " <input id=\"person\" size=\"8\" value=\"" + escape_html(s.person) +
         "\"></label><button id=\"single\" type=\"button\">One at a time / 1件ずつ</button>"
         "<button id=\"back\" type=\"button\">&larr;</button><button id=\"next\" "
         "type=\"button\">&rarr;</button><span id=\"count\"></span><button id=\"save\" "
         "type=\"button\">Save as CSV / CSVに保存</button></div>\n";
  for (size_t i = 0; i < s.items.size(); ++i) out += article(s, i);
  return out + "<script type=\"application/json\" id=\"sheet\">" + sheet_json(s) +
         "</script>\n<script>" + kScript + "</script>\n</body></html>\n";
}

}  // namespace gantry
