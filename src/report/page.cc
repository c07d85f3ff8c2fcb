#include "report/page.h"

#include <algorithm>

#include "base/strings.h"

namespace gantry {
namespace {

constexpr const char* kStyle = R"(
:root{--ink:#1c2530;--soft:#51606f;--line:#d5dde5;--accent:#1f4e79}
*{box-sizing:border-box}body{margin:0 auto;max-width:960px;padding:24px 20px 60px;color:var(--ink);background:#fff;
font:16px/1.55 system-ui,"Noto Sans CJK JP","Hiragino Sans","Yu Gothic",Meiryo,sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:.2em 0}h2{font-size:1.2rem;margin:2.2em 0 .6em;padding-bottom:.25em;border-bottom:2px solid var(--line)}
p{margin:.6em 0}small,.soft{color:var(--soft)}.banner{background:#fff3d6;border:1px solid #d9a441;border-radius:6px;padding:10px 14px;font-weight:600}
.bad{background:#fbe9e5;border-color:#b4442c}.key{font-size:1.1rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.87rem;margin:.6em 0 1.2em}caption{text-align:left;font-weight:600;padding:.3em 0}
th,td{border-bottom:1px solid var(--line);padding:6px 8px;text-align:left;vertical-align:top}thead th{background:#f3f6f9;font-weight:600}
tbody th{font-weight:500}code{font-size:.82rem;word-break:break-all}.plots{display:flex;flex-wrap:wrap;gap:16px}.plots figure,.plots>div{flex:1 1 400px;margin:0;max-width:460px}
figure{margin:0 0 1em}figure svg{width:100%;height:auto}figcaption{font-size:.87rem;color:var(--soft)}
.case{border:1px solid var(--line);border-radius:6px;padding:10px 14px;margin:0 0 12px;break-inside:avoid}
.case h3{font-size:1rem;margin:.1em 0}.text{white-space:pre-wrap;background:#fafbfc;border-left:3px solid var(--line);padding:8px 12px;margin:.5em 0;font-size:.93rem}
details summary{cursor:pointer;color:var(--accent)}mark{color:inherit;border-radius:2px;padding:0 1px}
.foot{position:fixed;bottom:0;left:0;right:0;background:#fff;border-top:1px solid var(--line);font-size:.75rem;color:var(--soft);text-align:center;padding:3px}
.filter{margin:.6em 0}.filter select{font:inherit;padding:2px 6px}
@media print{body{max-width:none;padding:0 0 14mm}h2{break-after:avoid}.filter{display:none}.plots figure{flex:1 1 45%}@page{size:A4;margin:14mm}}
)";

constexpr const char* kScript = R"(
const pick=document.getElementById('pick');
if(pick)pick.addEventListener('change',()=>{let n=0;document.querySelectorAll('.case').forEach(c=>{
const show=pick.value==='all'||c.dataset.kind===pick.value;c.style.display=show?'':'none';n+=show});
document.getElementById('shown').textContent=n});
)";

std::string group_name(const TestReport& r, int g) {
  auto at = static_cast<size_t>(g);
  std::string name = r.labels[at];
  if (at < r.label_names.size() && !r.label_names[at].empty()) name += " " + r.label_names[at];
  return escape_html(name);
}

std::string figure(const std::map<std::string, std::string>& plots, const std::string& name,
                   const std::string& caption) {
  auto plot = plots.find(name);
  if (plot == plots.end() || plot->second.empty())
    return "<p class=\"soft\">The plot \"" + escape_html(caption) +
           "\" was not drawn: gnuplot is missing here, or there is nothing to draw. The tables "
           "hold the figures.</p>";
  return "<figure>" + plot->second + "<figcaption>" + escape_html(caption) +
         "</figcaption></figure>";
}

std::string synthetic_banner(const TestReport& r) {
  if (!r.synthetic) return {};
  return "<p class=\"banner\">SYNTHETIC DATA. No figure on this page says anything about patients "
         "or a hospital. " +
         escape_html(r.data_note) + "</p>\n";
}

// A baseline that is not beaten stands at the top.
std::string verdict(const TestReport& r) {
  std::string out;
  for (const auto& c : r.comparisons) {
    if (!c.macro_f1_difference.defined) continue;
    const auto& d = c.macro_f1_difference;
    if (d.value <= 0)
      out += "<p class=\"banner bad\">The model does not beat the baseline \"" +
             escape_html(c.baseline) + "\" on this test set: macro F1 difference " +
             figure_with_n(d) + ".</p>\n";
    else if (d.has_interval && d.lower <= 0)
      out += "<p class=\"banner\">The model is ahead of the baseline \"" + escape_html(c.baseline) +
             "\" by " + figure_with_n(d) +
             " in macro F1; the interval includes 0, so that this test set cannot tell them "
             "apart.</p>\n";
  }
  return out;
}

std::string headline(const TestReport& r) {
  const auto& m = r.classifiers.at(0);
  const auto& e = m.evaluation;
  std::string out = "<p class=\"key\">On " + with_commas(e.n) + " reports of " +
                    with_commas(e.patients) +
                    " patients that training never saw, the model gave the same group as the "
                    "reference standard in <strong>" +
                    figure_with_n(e.accuracy) + "</strong> (accuracy, Wilson interval); macro F1 " +
                    figure_with_n(e.macro_f1) + ".";
  for (size_t g = 0; g < e.of_class.size(); ++g)
    out += " Sensitivity for group " + group_name(r, static_cast<int>(g)) + ": " +
           figure_with_n(e.of_class[g].sensitivity) + ".";
  out += " It took " + format_double(m.seconds, 1) + " s in all, loading included (" +
         format_double(m.seconds_load, 1) + " s), or " +
         format_double(e.n > 0 ? 1000 * (m.seconds - m.seconds_load) / static_cast<double>(e.n) : 0,
                       1) +
         " ms a report.</p>\n";
  return out;
}

std::string looks(const TestReport& r) {
  if (r.looks <= 1) return "<p>The test set was opened once, for this test.</p>\n";
  std::string out = "<p class=\"banner\">This is look number " + std::to_string(r.looks) +
                    " at this test set. Figures of a later look can be too good, since choices may "
                    "have been made in "
                    "the light of earlier ones. Earlier looks: ";
  for (size_t i = 0; i < r.earlier_looks.size(); ++i)
    out += (i ? "; " : "") + escape_html(r.earlier_looks[i]);
  return out + ".</p>\n";
}

std::string abstention(const TestReport& r, const std::map<std::string, std::string>& plots) {
  std::string out =
      "<h2>When the model is not sure</h2>\n<p>Probabilities were calibrated on the tuning cases "
      "(temperature " +
      format_double(r.temperature, 3) + "). ";
  if (r.abstention.attainable)
    out += "An answer is given when its probability is at least " +
           format_double(r.abstention.threshold, 3) +
           ", chosen on the tuning cases so that at most " +
           format_double(100 * r.abstention.stated_error_rate, 1) +
           " % of the answers given are wrong (" + escape_html(r.abstention.rule) +
           "); else the report goes to a person. "
           "On the test set: answered " +
           figure_with_n(r.coverage) + "; right among the answers given " +
           figure_with_n(r.answered_accuracy) + ".";
  out += "</p>\n";
  if (!r.abstention_note.empty())
    out += "<p class=\"banner\">" + escape_html(r.abstention_note) + "</p>\n";
  return out + "<div class=\"plots\">" +
         figure(plots, "reliability",
                "Calibration: how often an answer of a given probability is right") +
         figure(plots, "risk_coverage", "Error rate against the share of reports answered") +
         "</div>\n";
}

// Blue spoke for the answer, orange against it; the deeper the more.
std::string shaded(const std::string& text, const std::vector<WeighedSpan>& spans) {
  std::string out;
  size_t at = 0;
  for (const auto& span : spans) {
    if (span.begin < at || span.end > text.size()) continue;
    out += escape_html(std::string_view(text).substr(at, span.begin - at));
    const double strength = std::min(1.0, std::abs(span.weight)) * 0.75;
    out += std::string("<mark style=\"background:rgba(") +
           (span.weight > 0 ? "70,130,200," : "235,150,60,") + format_double(strength, 2) + ")\">" +
           escape_html(std::string_view(text).substr(span.begin, span.end - span.begin)) +
           "</mark>";
    at = span.end;
  }
  return out + escape_html(std::string_view(text).substr(at));
}

std::string failure(const TestReport& r, const TestedCase& c) {
  std::string out = "<div class=\"case\" data-kind=\"" + std::to_string(c.truth) + "-" +
                    std::to_string(c.predicted) + "\"><h3>" + escape_html(c.id) + " <small>" +
                    escape_html(c.source + (c.date.empty() ? "" : ", " + c.date));
  for (const auto& [key, value] : c.fields)
    out += ", " + escape_html(key) + " " + escape_html(value);
  out += "</small></h3>\n<p>Reference standard: <strong>" + group_name(r, c.truth) +
         "</strong>. Answered: <strong>" + group_name(r, c.predicted) + "</strong>" +
         (c.abstained ? " (held back for a person)" : "") + ". Probabilities:";
  for (size_t g = 0; g < c.probability.size(); ++g)
    out += (g ? ", " : " ") + escape_html(r.labels[g]) + " " + format_double(c.probability[g], 3);
  out += ".";
  for (size_t b = 0; b < c.baseline_predicted.size() && b + 1 < r.classifiers.size(); ++b)
    out += " " + escape_html(r.classifiers[b + 1].name) + ": " +
           escape_html(r.labels[static_cast<size_t>(c.baseline_predicted[b])]) + ".";
  out += "</p>\n<div class=\"text\" lang=\"ja\">" + shaded(c.model_text, c.weighed) + "</div>\n";
  if (c.original != c.model_text)
    out += "<details><summary>whole report</summary><div class=\"text\" lang=\"ja\">" +
           escape_html(c.original) + "</div></details>\n";
  return out + "</div>\n";
}

std::string failures(const TestReport& r) {
  std::vector<const TestedCase*> wrong;
  std::map<std::pair<int, int>, int64_t> kinds;
  for (const auto& c : r.cases)
    if (c.predicted != c.truth) {
      wrong.push_back(&c);
      ++kinds[{c.truth, c.predicted}];
    }
  std::string out = "<h2>Every failure</h2>\n";
  if (wrong.empty())
    return out + "<p>None of the " + with_commas(static_cast<int64_t>(r.cases.size())) +
           " reports.</p>\n";
  std::stable_sort(wrong.begin(), wrong.end(), [](const TestedCase* a, const TestedCase* b) {
    return a->probability[static_cast<size_t>(a->predicted)] >
           b->probability[static_cast<size_t>(b->predicted)];
  });
  out += "<p>" + with_commas(static_cast<int64_t>(wrong.size())) + " of " +
         with_commas(static_cast<int64_t>(r.cases.size())) +
         " reports, the surest first. Shading: what spoke for the answer given (blue) and against "
         "it (orange), by " +
         escape_html(r.weighed_by) +
         ".</p>\n<p class=\"filter\"><label>Show <select id=\"pick\"><option value=\"all\">all "
         "failures</option>";
  for (const auto& [kind, count] : kinds)
    out += "<option value=\"" + std::to_string(kind.first) + "-" + std::to_string(kind.second) +
           "\">" + group_name(r, kind.first) + " answered as " + group_name(r, kind.second) + " (" +
           with_commas(count) + ")</option>";
  out += "</select></label> <small><span id=\"shown\">" +
         with_commas(static_cast<int64_t>(wrong.size())) + "</span> shown</small></p>\n";
  for (const auto* c : wrong) out += failure(r, *c);
  return out;
}

std::string methods(const TestReport& r) {
  const auto& e = r.classifiers.at(0).evaluation;
  return "<h2>How the figures were made</h2>\n<p>Intervals are 95 %. Accuracy, sensitivity, "
         "specificity, PPV, NPV: " +
         escape_html(e.accuracy.method) +
         ". F1, kappa and other sums: " + escape_html(e.macro_f1.method) +
         ". AUC: DeLong. A figure without cases is \"not defined\". Calibration error: ten bins of "
         "equal width of the "
         "probability of the answer given. Internal testing: no report of the test set was used "
         "for training or tuning.</p>\n";
}

}  // namespace

std::string report_page(const TestReport& r, const std::map<std::string, std::string>& plots) {
  auto tables = report_tables(r);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
      escape_html(r.title) + ": test report</title>\n<style>" + kStyle +
      "</style></head>\n<body>\n";
  html += synthetic_banner(r) + "<p class=\"soft\">Gantry test report, " +
          escape_html(r.tested_at) + ", " + escape_html(r.run) + "</p>\n<h1>" +
          escape_html(r.title) + "</h1>\n<p class=\"soft\">" + escape_html(r.title_ja) +
          (r.study.empty() ? "" : " &middot; study " + escape_html(r.study)) + "</p>\n<p>" +
          escape_html(r.question) + "</p>\n";
  html += verdict(r) + headline(r) + looks(r);
  html += "<h2>Results</h2>\n" + tables["classifiers"].html() + tables["groups"].html();
  html += "<div class=\"plots\">" + figure(plots, "confusion", "Confusion matrix of the model") +
          "<div>" + tables["confusion_matrix"].html() + "</div></div>\n";
  html += "<h2>Against simple baselines</h2>\n" + tables["comparisons"].html();
  for (auto& [name, table] : tables)
    if (name.rfind("groups_baseline", 0) == 0)
      html += "<details><summary>" + escape_html(table.caption) + "</summary>" + table.html() +
              "</details>\n";
  if (tables.count("natural_prevalence"))
    html += "<h2>At natural prevalence</h2>\n" + tables["natural_prevalence"].html();
  html += abstention(r, plots);
  html += "<h2>Where the reports come from</h2>\n" +
          figure(plots, "flow", "Flow of reports and patients into the three sets") +
          tables["flow"].html() + tables["sets"].html() + "<p>Split by " +
          escape_html(r.split_method) + ". " + escape_html(r.split_proof) + "</p>\n";
  if (r.windowed_cases > 0)
    html += "<p>" + with_commas(r.windowed_cases) +
            " test reports are longer than the model and were read in windows; nothing was cut "
            "off.</p>\n";
  if (!r.notes.empty()) {
    html += "<ul>";
    for (const auto& note : r.notes) html += "<li>" + escape_html(note) + "</li>";
    html += "</ul>\n";
  }
  html += "<h2>Training</h2>\n" +
          figure(plots, "training",
                 "Loss and macro F1 of every restart; thin dotted ones do not serve") +
          tables["restarts"].html() + tables["recipe"].html() + "<p>" +
          with_commas(static_cast<int64_t>(r.useful_tokens_per_second)) +
          " useful tokens a second, " + format_double(r.percent_of_ceiling, 0) +
          " % of this machine's ceiling for matrix products, peak memory " +
          format_bytes(static_cast<double>(r.peak_memory_bytes)) + ", " +
          format_double(r.training_seconds, 0) + " s of training steps.</p>\n";
  html += failures(r) + methods(r) + tables["identity"].html();
  if (!r.source.empty())
    html +=
        "<p class=\"soft\">The defaults of this task follow: " + escape_html(r.source) + "</p>\n";
  html += std::string("<div class=\"foot\">") + (r.synthetic ? "SYNTHETIC DATA &middot; " : "") +
          escape_html(r.run) +
          " &middot; not a medical device; answers need a clinician's eye</div>\n<script>" +
          kScript + "</script>\n</body></html>\n";
  return html;
}

}  // namespace gantry
