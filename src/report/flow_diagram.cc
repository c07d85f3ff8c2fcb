#include "report/flow_diagram.h"

#include <algorithm>

#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"

namespace gantry {
namespace {

constexpr int kWidth = 860, kBoxWidth = 360, kBoxHeight = 52, kGap = 30;

std::string number(int value) { return std::to_string(value); }

std::string box(int x, int y, int width, int height, const char* style,
                const std::vector<Words>& lines) {
  std::string out = "<rect x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" +
                    number(width) + "\" height=\"" + number(height) + "\" rx=\"4\" class=\"" +
                    style + "\"/>";
  int first = y + height / 2 - (static_cast<int>(lines.size()) - 1) * 9 + 5;
  for (size_t i = 0; i < lines.size(); ++i)
    out += "<text x=\"" + number(x + width / 2) + "\" y=\"" +
           number(first + static_cast<int>(i) * 18) + "\" text-anchor=\"middle\">" +
           escape_html(lines[i].en) + "</text>";
  return out + "\n";
}

std::string arrow(int x1, int y1, int x2, int y2) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" class=\"arrow\" marker-end=\"url(#tip)\"/>\n";
}

Words reports_of_patients(int64_t reports, int64_t patients) {
  return {with_commas(reports) + (reports == 1 ? " report, " : " reports, ") +
              with_commas(patients) + (patients == 1 ? " patient" : " patients"),
          with_commas(reports) + "件、" + with_commas(patients) + "名"};
}

// Long rule texts are shortened in the picture only; the table beside it has them whole. Cuts
// between characters.
std::string shortened(const std::string& text, size_t characters) {
  size_t seen = 0, at = 0;
  while (at < text.size() && seen < characters) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
    ++seen;
  }
  return at < text.size() ? text.substr(0, at) + "..." : text;
}

}  // namespace

FlowDiagram flow_diagram(const TestReport& report) {
  FlowDiagram out;
  std::string body;
  auto add_box = [&](int x, int y, int width, int height, const char* style,
                     const std::vector<Words>& lines) {
    body += box(x, y, width, height, style, lines);
    out.words.insert(out.words.end(), lines.begin(), lines.end());
  };
  const int main_x = 40, side_x = main_x + kBoxWidth + 60;
  int y = 10;
  for (size_t i = 0; i < report.flow.size(); ++i) {
    const FlowBox& step = report.flow[i];
    const Words rule = in_both(step.text);
    add_box(main_x, y, kBoxWidth, kBoxHeight, "kept",
            {{shortened(rule.en, 44), shortened(rule.ja, 24)},
             reports_of_patients(step.kept_reports, step.kept_patients)});
    if (step.dropped_reports > 0) {
      const int middle = y + kBoxHeight / 2;
      body += arrow(main_x + kBoxWidth, middle, side_x - 4, middle);
      add_box(side_x, y, 340, kBoxHeight, "dropped",
              {{"left out here", "ここで除外"},
               reports_of_patients(step.dropped_reports, step.dropped_patients)});
    }
    const bool last = i + 1 == report.flow.size();
    if (!last)
      body += arrow(main_x + kBoxWidth / 2, y + kBoxHeight, main_x + kBoxWidth / 2,
                    y + kBoxHeight + kGap - 4);
    y += kBoxHeight + kGap;
  }
  const int from_x = main_x + kBoxWidth / 2, from_y = y - kGap;
  const int set_height = 60 + 18 * static_cast<int>(report.labels.size());
  int x = 10;
  const int set_width = (kWidth - 20 - 20 * 2) / 3;
  y += 14;
  for (const SetBox& set : report.sets) {
    if (!report.flow.empty()) body += arrow(from_x, from_y, x + set_width / 2, y - 4);
    std::vector<Words> lines = {in_both(set.name + " set"),
                                reports_of_patients(set.reports, set.patients)};
    for (size_t g = 0; g < report.labels.size() && g < set.per_group.size(); ++g) {
      const std::string n = with_commas(set.per_group[g]);
      Words line{"group " + report.labels[g] + ": " + n,
                 "群 " + in_japanese(report.labels[g]) + ": " + n};
      if (g < set.per_group_before.size() && set.per_group_before[g] > set.per_group[g]) {
        line.en += " sampled of " + with_commas(set.per_group_before[g]);
        line.ja += "（" + with_commas(set.per_group_before[g]) + "から抽出）";
      }
      lines.push_back(std::move(line));
    }
    add_box(x, y, set_width, set_height, set.name == "test" ? "test" : "kept", lines);
    x += set_width + 20;
  }
  const int height = y + set_height + 10;
  out.svg =
      "<svg class=\"flow\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) +
      " " + number(height) +
      "\" role=\"img\" aria-label=\"Flow of reports into the three sets\" "
      "font-family=\"sans-serif\" "
      "font-size=\"14\">\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
      "markerWidth=\"7\" "
      "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\" "
      "fill=\"#445\"/></marker></defs>\n"
      "<style>.flow .kept{fill:#eef3f8;stroke:#46627f}.flow "
      ".dropped{fill:#f6f1ea;stroke:#a58a63}"
      ".flow .test{fill:#e6f2ea;stroke:#3c7a55}.flow .arrow{stroke:#445;stroke-width:1.2}.flow "
      "text{fill:#1c2530}<"
      "/style>\n" +
      body + "</svg>\n";
  return out;
}

}  // namespace gantry
