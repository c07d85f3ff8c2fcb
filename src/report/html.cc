#include "report/html.h"

#include "base/strings.h"

namespace gantry {
namespace {

std::string without_tags(std::string_view html) {
  std::string out;
  bool inside = false;
  for (char c : html) {
    if (c == '<') inside = true;
    if (!inside) out += c;
    if (c == '>') inside = false;
  }
  for (auto [entity, plain] :
       {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}})
    for (size_t at = 0; (at = out.find(entity, at)) != std::string::npos; at += 1)
      out.replace(at, std::string_view(entity).size(), plain);
  return out;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    std::string cell = without_tags(cells[i]);
    if (cell.find_first_of(",\"\n\r") != std::string::npos) {
      std::string quoted = "\"";
      for (char c : cell) quoted += c == '"' ? "\"\"" : std::string(1, c);
      cell = quoted + "\"";
    }
    line += (i ? "," : "") + cell;
  }
  return line + "\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string figure_text(const Estimate& e, int decimals) {
  if (!e.defined) return "not defined";
  std::string text = format_double(e.value, decimals);
  if (e.has_interval)
    text +=
        " (" + format_double(e.lower, decimals) + " to " + format_double(e.upper, decimals) + ")";
  return text;
}

std::string figure_with_n(const Estimate& e, int decimals) {
  if (e.count >= 0)
    return figure_text(e, decimals) + ", " + with_commas(e.count) + " of " + with_commas(e.n);
  return figure_text(e, decimals) + ", n = " + with_commas(e.n);
}

std::string Table::html() const {
  std::string out = "<div class=\"scroll\"><table>";
  if (!caption.empty()) out += "<caption>" + escape_html(caption) + "</caption>";
  out += "<thead><tr>";
  for (const auto& cell : head) out += "<th scope=\"col\">" + escape_html(cell) + "</th>";
  out += "</tr></thead><tbody>";
  for (const auto& row : rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i)
      out += i == 0 ? "<th scope=\"row\">" + row[i] + "</th>" : "<td>" + row[i] + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string Table::csv() const {
  std::string out = csv_line(head);
  for (const auto& row : rows) out += csv_line(row);
  return out;
}

}  // namespace gantry
