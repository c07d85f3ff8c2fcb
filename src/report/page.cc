#include "report/page.h"

#include <algorithm>

#include "base/strings.h"
#include "report/failure_browser.h"
#include "report/html.h"
#include "report/japanese.h"
#include "report/section_html.h"
#include "report/sections.h"

namespace gantry {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1c2530;--soft:#51606f;--line:#d5dde5;--accent:#1f4e79}
*{box-sizing:border-box}html{scroll-padding-top:1em}
body{margin:0 auto;max-width:1140px;padding:24px 20px 70px;color:var(--ink);background:#fff;
font:16px/1.55 system-ui,"Noto Sans CJK JP","Hiragino Sans","Yu Gothic",Meiryo,sans-serif;overflow-wrap:break-word}
.ja{display:none}html.show-ja .ja{display:inline}html.show-ja .en{display:none}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0}h2{font-size:1.2rem;margin:2.2em 0 .6em;padding-bottom:.25em;border-bottom:2px solid var(--line)}
p{margin:.6em 0}small,.soft{color:var(--soft)}.banner{background:#fff3d6;border:1px solid #d9a441;border-radius:6px;padding:10px 14px;font-weight:600}
.bad{background:#fbe9e5;border-color:#b4442c}.key{font-size:1.08rem}.scroll{overflow-x:auto}
.speak{text-align:right;margin:0 0 .6em}.nw{white-space:nowrap}button,select,input{font:inherit;font-size:.87rem;padding:3px 8px;border:1px solid #9aa8b5;border-radius:4px;background:#fff;color:var(--ink)}
button{cursor:pointer}button[aria-pressed=true]{background:var(--accent);color:#fff}button:disabled{opacity:.4}
:focus-visible{outline:3px solid #e0a030;outline-offset:1px}
nav{font-size:.87rem;margin:1em 0}nav a{color:var(--accent);margin-right:.9em;white-space:nowrap}
table{border-collapse:collapse;width:100%;font-size:.85rem;margin:.6em 0 1.2em}caption{text-align:left;font-weight:600;padding:.3em 0}
th,td{border-bottom:1px solid var(--line);padding:5px 8px;text-align:left;vertical-align:top;overflow-wrap:break-word;min-width:3.2em}td.long,th.long{overflow-wrap:anywhere;min-width:12em}thead th{background:#f3f6f9;font-weight:600;overflow-wrap:normal}
tbody th{font-weight:500;min-width:9em}.checklist tbody th{min-width:2.6em}.checklist td{min-width:11em}.checklist td:last-child{min-width:5.6em}td.num{font-variant-numeric:tabular-nums}
.plots{display:flex;flex-wrap:wrap;gap:16px}figure{flex:1 1 400px;margin:0 0 1em;max-width:540px;break-inside:avoid}figure.wide{flex-basis:100%;max-width:none}
figure svg{width:100%;height:auto;display:block}figcaption{font-size:.87rem;color:var(--soft)}
.case{border:1px solid var(--line);border-radius:6px;padding:10px 14px;margin:0 0 12px;break-inside:avoid}.case h3{font-size:1rem;margin:.1em 0 .4em}
.pair{display:flex;gap:.8em;font-size:.9rem}.pair>:first-child{flex:0 0 11em}.category{flex:1;min-width:6em}
.text{white-space:pre-wrap;background:#fafbfc;border-left:3px solid var(--line);padding:8px 12px;margin:.5em 0;font-size:.93rem}
.controls{display:flex;flex-wrap:wrap;gap:.5em 1em;margin:.6em 0;align-items:center;font-size:.9rem}.controls select,.controls input{max-width:15em}
details summary{cursor:pointer;color:var(--accent);margin:.3em 0}mark{color:inherit;border-radius:2px;padding:0 1px}
.foot{position:fixed;bottom:0;left:0;right:0;background:#fff;border-top:1px solid var(--line);font-size:.75rem;color:var(--soft);text-align:center;padding:3px}
@media (max-width:600px){body{padding:14px 12px 70px}.pair>:first-child{flex-basis:7.5em}figure{flex-basis:100%}}
@media print{@page{size:A4;margin:14mm 12mm 16mm}body{max-width:none;padding:0;font-size:10.5pt}h2,caption{break-after:avoid}.controls,.speak,nav,.pager,button{display:none!important}
.scroll{overflow:visible}table{font-size:8pt}thead{display:table-header-group}tr{break-inside:avoid}figure{flex:1 1 45%;max-width:49%}figure.wide{flex-basis:100%;max-width:none}.nw{white-space:normal}tbody th{min-width:6em}.checklist td{min-width:8em}.foot{display:none}details>summary{display:none}}
)";

std::string css_string(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c != '\n' && c != '<') quoted += c;
  }
  return quoted + "\"";
}

// What stands at the foot of every printed page, in the language shown.
std::string printed_foot(const Words& text) {
  const std::string font = "font:7.5pt sans-serif;color:#51606f";
  const auto foot = [&](const std::string& words) {
    return "{@bottom-center{content:" + css_string(words) + ";" + font +
           "}@bottom-right{content:counter(page) \" / \" counter(pages);" + font + "}}";
  };
  return "@media print{@page" + foot(text.en) + "@page japanese" +
         foot(text.ja.empty() ? text.en : text.ja) + "html.show-ja body{page:japanese}}";
}

Words foot_words(bool synthetic, Words text) {
  if (!synthetic) return text;
  return {"SYNTHETIC DATA / 合成データ · " + text.en,
          "合成データ / SYNTHETIC DATA · " + (text.ja.empty() ? text.en : text.ja)};
}

std::string head(const Words& title, const Words& foot) {
  return "<!DOCTYPE html>\n<html lang=\"en\" data-title-ja=\"" +
         escape_html(title.ja.empty() ? title.en : title.ja) +
         "\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
         escape_html(title.en) + "</title>\n<style>" + kStyle + printed_foot(foot) +
         "</style></head>\n<body>\n<div class=\"speak\"><button type=\"button\" data-speak=\"en\" "
         "aria-pressed=\"true\" lang=\"en\">English</button> <button type=\"button\" "
         "data-speak=\"ja\" aria-pressed=\"false\" lang=\"ja\">日本語</button></div>\n";
}

std::string synthetic_banner(bool synthetic, const std::string& note) {
  if (!synthetic) return {};
  return "<p class=\"banner\">" +
         words_html({"SYNTHETIC DATA. No figure on this page says anything about patients or a "
                     "hospital. " +
                         note,
                     "合成データ。このページの数値は患者や病院について何も示しません。 " + note}) +
         "</p>\n";
}

std::string contents(const std::vector<ReportSection>& sections, bool failures) {
  std::string out = "<nav aria-label=\"contents\">";
  bool said = false;
  for (const auto& s : sections) {
    if (failures && !said && s.name == "data") {
      out += "<a href=\"#failures\">" + words_html({"Every failure", "全ての誤り"}) + "</a> ";
      said = true;
    }
    if (!s.title.empty())
      out += "<a href=\"#" + escape_html(s.name) + "\">" + words_html(s.title) + "</a> ";
  }
  return out + "</nav>\n";
}

std::string foot(const Words& words) {
  return "<div class=\"foot\">" + words_html(words) + "</div>\n<script>" + page_script() +
         "</script>\n</body></html>\n";
}

std::string paragraph(const char* style, const Words& words) {
  return std::string("<p class=\"") + style + "\">" + words_html(words) + "</p>\n";
}

// A baseline that is not beaten stands at the top.
std::string verdict(const TestReport& r) {
  std::string out;
  for (const auto& c : r.comparisons) {
    const auto& d = c.macro_f1_difference;
    if (!d.defined) continue;
    const std::string figure = figure_with_n(d), baseline = in_japanese(c.baseline),
                      figure_ja = figure_with_n_ja(d);
    if (d.value <= 0)
      out +=
          paragraph("banner bad", {"The model does not beat the baseline \"" + c.baseline +
                                       "\" on this test set: macro F1 difference " + figure + ".",
                                   "このテストセットでモデルは比較手法「" + baseline +
                                       "」を上回りません: マクロF1の差 " + figure_ja + "。"});
    else if (d.has_interval && d.lower <= 0)
      out += paragraph("banner",
                       {"The model is ahead of the baseline \"" + c.baseline + "\" by " + figure +
                            " in macro F1; the interval includes 0, so that this test "
                            "set cannot tell them apart.",
                        "モデルは比較手法「" + baseline + "」をマクロF1で" + figure_ja +
                            "上回りますが、信頼区間が0を含み、差があるとは言えません。"});
  }
  return out;
}

std::string headline(const TestReport& r) {
  const TestedClassifier* m = model_of(r);
  if (m == nullptr) return {};
  const auto& e = m->evaluation;
  Words text{
      "On " + with_commas(e.n) + " reports of " + with_commas(e.patients) +
          " patients that training never saw, the model gave the same group as the reference "
          "standard in " +
          figure_with_n(e.accuracy) + " (accuracy, " + e.accuracy.method + " interval); macro F1 " +
          figure_with_n(e.macro_f1) + ".",
      "学習に使っていない" + with_commas(e.patients) + "名・" + with_commas(e.n) +
          "件のレポートで、参照基準と同じ群と答えた割合（正診率）は " +
          figure_with_n_ja(e.accuracy) + "（" + e.accuracy.method +
          "の95 %信頼区間）、マクロF1は " + figure_with_n_ja(e.macro_f1) + "。"};
  for (size_t g = 0; g < e.of_class.size(); ++g) {
    const Words name = group_words(r, static_cast<int>(g));
    text.en +=
        " Sensitivity for group " + name.en + ": " + figure_with_n(e.of_class[g].sensitivity) + ".";
    text.ja += "感度（" + name.ja + "）: " + figure_with_n_ja(e.of_class[g].sensitivity) + "。";
  }
  if (m->seconds > 0) {
    const std::string all = format_double(m->seconds, 1), load = format_double(m->seconds_load, 1),
                      each = format_double(
                          e.n > 0 ? 1000 * (m->seconds - m->seconds_load) / static_cast<double>(e.n)
                                  : 0,
                          1);
    const bool loaded = m->seconds_load > 0;  // else the time is that of answering alone
    text.en += " It took " + all + " s" +
               (loaded ? " in all, loading included (" + load + " s), or " : ", or ") + each +
               " ms a report.";
    text.ja += "所要時間は" + (loaded ? "読込み（" + load + "秒）を含め" : std::string()) + all +
               "秒、1件" + each + "ミリ秒。";
  }
  return paragraph("key", text);
}

std::string looks_note(const TestReport& r) {
  if (r.looks <= 1)
    return paragraph("soft", {"The test set was opened once, for this test.",
                              "テストセットを開いたのはこの1回です。"});
  const std::string n = std::to_string(r.looks);
  return paragraph(
      "banner",
      {"This is look number " + n +
           " at this test set: figures of a later look can be too good. See \"How an "
           "answer is made\".",
       "このテストセットを開くのは" + n + "回目で、数値は良く見えすぎることがあります。"});
}

}  // namespace

std::string report_page(const TestReport& r, const std::vector<ReportSection>& sections,
                        const std::map<std::string, std::string>& svg) {
  const std::string browser = failure_browser_html(r);
  const Words last =
      foot_words(r.synthetic, {r.run + " · not a medical device; answers need a clinician's eye",
                               r.run + " · 医療機器ではありません。解答は臨床医の確認が必要です"});
  std::string html = head({r.title + ": test report",
                           (r.title_ja.empty() ? r.title : r.title_ja) + "：テストレポート"},
                          last) +
                     synthetic_banner(r.synthetic, r.data_note);
  html += paragraph("soft", {"Gantry test report, " + r.tested_at + ", " + r.run,
                             "Gantry テストレポート、" + r.tested_at + "、" + r.run}) +
          "<h1>" + words_html({r.title, r.title_ja}) + "</h1>\n<p class=\"soft\">" +
          escape_html(r.study) + "</p>\n<p>" + words_html({r.question, r.question_ja}) + "</p>\n";
  ReportSection first;
  first.paragraphs = r.first_lines;
  html += paragraphs_html(first) + verdict(r) + headline(r) + looks_note(r) +
          contents(sections, !browser.empty());
  bool shown = browser.empty();
  for (const auto& s : sections) {
    if (!shown && s.name == "data") {
      html += browser;
      shown = true;
    }
    html += section_html(s, svg);
  }
  if (!shown) html += browser;
  return html + foot(last);
}

std::string sections_page(const PlainPage& page, const std::vector<ReportSection>& sections,
                          const std::map<std::string, std::string>& svg) {
  const Words last = foot_words(page.synthetic, page.foot);
  std::string html = head(page.title, last) + synthetic_banner(page.synthetic, page.data_note) +
                     "<h1>" + words_html(page.title) + "</h1>\n<p>" + words_html(page.lead) +
                     "</p>\n";
  for (const auto& s : sections) html += section_html(s, svg);
  return html + foot(last);
}

}  // namespace gantry
