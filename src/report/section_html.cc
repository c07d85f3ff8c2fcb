#include "report/section_html.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/html.h"

namespace gantry {
namespace {

std::string lines_html(const std::string& text) {
  std::string out;
  for (char c : escape_html(text)) {
    if (c == '\n')
      out += "<br>";
    else
      out += c;
  }
  return out;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

// Value, interval and n, broken into lines between them only.
std::string figure_html(const Estimate& e, int decimals) {
  const std::string all = figure_with_n(e, decimals);
  const size_t comma = all.rfind(e.count >= 0 ? ", " + with_commas(e.count) + " of " : ", n = ");
  const std::string figure = all.substr(0, comma), n = all.substr(comma + 2);
  const size_t open = figure.find(" (");
  auto piece = [](const std::string& text) {
    return "<span class=\"nw\">" + escape_html(text) + "</span>";
  };
  if (open == std::string::npos) return piece(figure + ",") + " " + piece(n);
  return piece(figure.substr(0, open)) + " " + piece(figure.substr(open + 1) + ",") + " " +
         piece(n);
}

// A hash or a file's name has no place to break at: it may break anywhere.
bool holds_long_word(const std::string& text) {
  constexpr size_t kLong = 28;
  size_t run = 0;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    run = c == ' ' || c == '\n' || byte >= 0x80 ? 0 : run + 1;
    if (run > kLong) return true;
  }
  return false;
}

const char* style_of(ReportParagraph::Tone tone) {
  switch (tone) {
    case ReportParagraph::Tone::kKey:
      return " class=\"key\"";
    case ReportParagraph::Tone::kSoft:
      return " class=\"soft\"";
    case ReportParagraph::Tone::kWarning:
      return " class=\"banner\"";
    case ReportParagraph::Tone::kBad:
      return " class=\"banner bad\"";
    default:
      return "";
  }
}

// The words inside the drawing, for the page's program to put the other language in.
std::string dictionary(const Chart& chart) {
  nlohmann::json words = nlohmann::json::object();
  auto add = [&](const Words& w) {
    if (!w.ja.empty() && w.ja != w.en) words[w.en] = w.ja;
  };
  add(chart.x_label);
  add(chart.y_label);
  for (const auto& s : chart.series) add(s.name);
  return words.empty() ? std::string() : " data-ja=\"" + escape_html(words.dump()) + "\"";
}

std::string chart_html(const Chart& chart, const std::map<std::string, std::string>& svg) {
  auto drawn = svg.find(chart.name);
  if (drawn == svg.end() || drawn->second.empty())
    return "<p class=\"soft\">" +
           words_html({"Not drawn, since gnuplot is missing here or there is nothing to draw: " +
                           chart.caption.en,
                       "gnuplotがないか、描く値がないため、図はありません: " +
                           (chart.caption.ja.empty() ? chart.caption.en : chart.caption.ja)}) +
           "</p>\n";
  return std::string("<figure") + (chart.wide ? " class=\"wide\"" : "") + dictionary(chart) + ">" +
         drawn->second + "<figcaption>" + words_html(chart.caption) + "</figcaption></figure>\n";
}

}  // namespace

std::string words_html(const Words& words) {
  if (words.ja.empty() || words.ja == words.en) return lines_html(words.en);
  return "<span class=\"en\">" + lines_html(words.en) + "</span><span class=\"ja\" lang=\"ja\">" +
         lines_html(words.ja) + "</span>";
}

std::string cell_text(const Cell& cell) {
  return cell.kind == Cell::Kind::kFigure ? figure_with_n(cell.estimate, cell.decimals)
                                          : cell.text.en;
}

std::string cell_html(const Cell& cell) {
  if (cell.kind != Cell::Kind::kFigure) return words_html(cell.text);
  if (cell.estimate.defined) return figure_html(cell.estimate, cell.decimals);
  return words_html({"not defined, n = " + with_commas(cell.estimate.n),
                     "定義されない, n = " + with_commas(cell.estimate.n)});
}

std::string table_html(const ReportTable& table) {
  std::string out = "<div class=\"scroll\"><table>";
  if (!table.caption.empty()) out += "<caption>" + words_html(table.caption) + "</caption>";
  out += "<thead><tr>";
  for (const auto& cell : table.head) out += "<th scope=\"col\">" + words_html(cell) + "</th>";
  out += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      const bool number = row[i].kind != Cell::Kind::kText;
      const std::string style = number                            ? " class=\"num\""
                                : holds_long_word(row[i].text.en) ? " class=\"long\""
                                                                  : "";
      out += i == 0 ? "<th scope=\"row\"" + style + ">" + cell_html(row[i]) + "</th>"
                    : "<td" + style + ">" + cell_html(row[i]) + "</td>";
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (!table.folded) return out;
  return "<details><summary>" + words_html(table.caption) + "</summary>" + out + "</details>\n";
}

std::string table_csv(const ReportTable& table) {
  std::string out;
  for (size_t i = 0; i < table.head.size(); ++i) out += (i ? "," : "") + csv_cell(table.head[i].en);
  out += "\n";
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i) out += (i ? "," : "") + csv_cell(cell_text(row[i]));
    out += "\n";
  }
  return out;
}

std::string paragraphs_html(const ReportSection& section) {
  std::string out;
  bool list = false;
  for (const auto& p : section.paragraphs) {
    const bool item = p.tone == ReportParagraph::Tone::kItem;
    if (item != list) out += item ? "<ul>" : "</ul>\n";
    list = item;
    out += item ? "<li>" + words_html(p.text) + "</li>"
                : std::string("<p") + style_of(p.tone) + ">" + words_html(p.text) + "</p>\n";
  }
  return out + (list ? "</ul>\n" : "");
}

std::string section_html(const ReportSection& section,
                         const std::map<std::string, std::string>& svg) {
  std::string out = "<section id=\"" + escape_html(section.name) + "\">\n";
  if (!section.title.empty()) out += "<h2>" + words_html(section.title) + "</h2>\n";
  out += paragraphs_html(section);
  if (!section.charts.empty()) {
    out += "<div class=\"plots\">";
    for (const auto& chart : section.charts) out += chart_html(chart, svg);
    out += "</div>\n";
  }
  for (const auto& table : section.tables) out += table_html(table);
  return out + "</section>\n";
}

}  // namespace gantry
