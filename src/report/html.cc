#include "report/html.h"

#include "base/strings.h"

namespace gantry {
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

std::string figure_with_n_ja(const Estimate& e, int decimals) {
  std::string text = e.defined ? format_double(e.value, decimals) : "定義されない";
  if (e.defined && e.has_interval)
    text +=
        "（" + format_double(e.lower, decimals) + "〜" + format_double(e.upper, decimals) + "）";
  return text + "、" +
         (e.count >= 0 ? with_commas(e.count) + "/" + with_commas(e.n) : "n = " + with_commas(e.n));
}

Words figure_words(const Estimate& e, int decimals) {
  return {figure_with_n(e, decimals), figure_with_n_ja(e, decimals)};
}

}  // namespace gantry
