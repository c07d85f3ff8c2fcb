#include "report/section_html.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "report/html.h"
#include "report/japanese.h"

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
std::string english_figure(const Estimate& e, int decimals) {
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

std::string japanese_figure(const Estimate& e, int decimals) {
  std::string out;
  auto piece = [&out](const std::string& text) {
    out += "<span class=\"nw\">" + escape_html(text) + "</span><wbr>";
  };
  const std::string all = figure_with_n_ja(e, decimals), comma = "、", bracket = "（";
  const size_t n = all.rfind(comma), open = all.find(bracket);
  piece(all.substr(0, std::min(open, n + comma.size())));
  if (open < n) piece(all.substr(open, n + comma.size() - open));
  piece(all.substr(n + comma.size()));
  return out.substr(0, out.size() - 5);  // no break behind the last
}

std::string text_in(const Words& words, Language language) {
  return language == Language::kJapanese && !words.ja.empty() ? words.ja : words.en;
}

std::string in_languages(const std::string& english_html, const std::string& japanese_html) {
  return "<span class=\"en\">" + english_html + "</span><span class=\"ja\" lang=\"ja\">" +
         japanese_html + "</span>";
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

// The words inside the drawing, for the page's program to put the other language in. A drawing has
// a text for each line of a label, or one for all lines of a slanted one.
std::map<std::string, std::string> dictionary(const Chart& chart) {
  std::map<std::string, std::string> words;
  auto add = [&](const Words& w) {
    if (!w.ja.empty() && w.ja != w.en) words[w.en] = w.ja;
  };
  auto add_label = [&](const std::string& label) {
    std::string joined_en, joined_ja;
    for (auto line : split(label, '\n')) {
      const Words both = in_both(std::string(line));
      add(both);
      joined_en += (joined_en.empty() ? "" : ", ") + both.en;
      joined_ja += (joined_ja.empty() ? "" : "、") + both.ja;
    }
    add({joined_en, joined_ja});
  };
  add(chart.x_label);
  add(chart.y_label);
  for (const auto* labels : {&chart.categories, &chart.columns})
    for (const auto& label : *labels) add_label(label);
  for (const auto& s : chart.series) {
    s.name.ja.empty() ? add_label(s.name.en) : add(s.name);
    for (const auto& text : s.texts) add_label(text);
  }
  for (const auto& w : chart.words) add(w);
  return words;
}

std::string dictionary_attribute(const Chart& chart) {
  const nlohmann::json words = dictionary(chart);
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
  return std::string("<figure") + (chart.wide ? " class=\"wide\"" : "") +
         dictionary_attribute(chart) + ">" + drawn->second + "<figcaption>" +
         words_html(chart.caption) + "</figcaption></figure>\n";
}

}  // namespace

std::string words_html(const Words& words) {
  if (words.ja.empty() || words.ja == words.en) return lines_html(words.en);
  return in_languages(lines_html(words.en), lines_html(words.ja));
}

std::string cell_text(const Cell& cell, Language language) {
  if (cell.kind == Cell::Kind::kFigure)
    return language == Language::kJapanese ? figure_with_n_ja(cell.estimate, cell.decimals)
                                           : figure_with_n(cell.estimate, cell.decimals);
  return text_in(cell.text, language);
}

std::string svg_in_japanese(const std::string& svg, const Chart& chart) {
  const auto words = dictionary(chart);
  std::string out;
  for (size_t at = 0; at < svg.size();) {
    const size_t begin = svg.find('>', at), end = svg.find('<', begin);
    if (begin == std::string::npos || end == std::string::npos) return out + svg.substr(at);
    out += svg.substr(at, begin + 1 - at);
    const std::string text = svg.substr(begin + 1, end - begin - 1);
    const std::string own(trim(text));
    auto found = std::find_if(words.begin(), words.end(), [&](const auto& entry) {
      const std::string known = escape_html(entry.first);
      const size_t cut = own.find("…");  // the middle of a long name may be left out
      if (cut == std::string::npos) return known == own;
      return known.starts_with(own.substr(0, cut)) &&
             known.ends_with(own.substr(cut + std::string("…").size()));
    });
    out += own.empty() || found == words.end() ? text : escape_html(found->second);
    at = end;
  }
  return out;
}

std::string cell_html(const Cell& cell) {
  if (cell.kind == Cell::Kind::kNumber && cell.defined)  // "< 0.001" stays together
    return "<span class=\"nw\">" + words_html(cell.text) + "</span>";
  if (cell.kind != Cell::Kind::kFigure) return words_html(cell.text);
  if (!cell.estimate.defined)
    return words_html({"not defined, n = " + with_commas(cell.estimate.n),
                       "定義されない、n = " + with_commas(cell.estimate.n)});
  return in_languages(english_figure(cell.estimate, cell.decimals),
                      japanese_figure(cell.estimate, cell.decimals));
}

std::string table_html(const ReportTable& table) {
  std::string out = std::string("<div class=\"scroll\"><table") +
                    (table.name.starts_with("checklist") ? " class=\"checklist\">" : ">");
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

std::string table_csv(const ReportTable& table, Language language) {
  std::string out;
  for (size_t i = 0; i < table.head.size(); ++i)
    out += (i ? "," : "") + csv_cell(text_in(table.head[i], language));
  out += "\n";
  for (const auto& row : table.rows) {
    for (size_t i = 0; i < row.size(); ++i)
      out += (i ? "," : "") + csv_cell(cell_text(row[i], language));
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
