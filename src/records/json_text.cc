#include "records/json_text.h"

#include <nlohmann/json.hpp>

namespace gantry {

void append_json_string(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  size_t plain = 0;  // start of the bytes that need no escape
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out.push_back(kHex[c >> 4]);
        out.push_back(kHex[c & 15]);
    }
  }
  out.append(text, plain);
  out.push_back('"');
}

namespace {

constexpr size_t kMostColumns = 4096;

// Takes nlohmann's events: the values of the outer object become columns, deeper ones their text.
class RowBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit RowBuilder(Row& row) : row_(row) {}
  std::string wrong;

  bool null() override { return value(Row::Kind::null, "null"); }
  bool boolean(bool v) override { return value(Row::Kind::json, v ? "true" : "false"); }
  bool number_integer(number_integer_t v) override {
    return value(Row::Kind::json, std::to_string(v));
  }
  bool number_unsigned(number_unsigned_t v) override {
    return value(Row::Kind::json, std::to_string(v));
  }
  bool number_float(number_float_t, const string_t& written) override {
    return value(Row::Kind::json, written);
  }
  bool string(string_t& v) override {
    if (depth_ == 1) {
      row_.values[count_ - 1] = std::move(v);
      row_.kinds[count_ - 1] = Row::Kind::text;
      return true;
    }
    if (depth_ == 0) return not_an_object();
    separate();
    append_json_string(v, nested());
    return true;
  }
  bool binary(binary_t&) override { return false; }  // JSON text has none

  bool start_object(size_t) override { return open('{'); }
  bool start_array(size_t) override { return open('['); }
  bool end_object() override { return close('}'); }
  bool end_array() override { return close(']'); }

  bool key(string_t& name) override {
    if (depth_ > 1) {
      separate();
      append_json_string(name, nested());
      nested().push_back(':');
      first_ = true;
      return true;
    }
    if (count_ == kMostColumns) return fail("more than 4,096 columns");
    for (size_t i = 0; i < count_; ++i)
      if (row_.names[i] == name) return fail("the key '" + name + "' twice");
    if (++count_ > row_.names.size()) {
      row_.names.emplace_back();
      row_.values.emplace_back();
      row_.kinds.emplace_back();
    }
    row_.names[count_ - 1] = name;
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::json::exception& e) override {
    std::string_view what = e.what();
    size_t from = what.find("syntax error");
    if (from == what.npos) from = what.find(": ") + 2;
    return fail("byte " + std::to_string(position) +
                " of the row: " + std::string(what.substr(std::min(from, what.size()))));
  }

  void finish() {
    row_.names.resize(count_);
    row_.values.resize(count_);
    row_.kinds.resize(count_);
  }

 private:
  std::string& nested() { return row_.values[count_ - 1]; }
  bool fail(std::string what) {
    if (wrong.empty()) wrong = std::move(what);
    return false;
  }
  bool not_an_object() { return fail("not a JSON object"); }
  void separate() {
    if (!first_) nested().push_back(',');
    first_ = false;
  }
  bool value(Row::Kind kind, std::string_view text) {
    if (depth_ == 0) return not_an_object();
    if (depth_ == 1) {
      row_.kinds[count_ - 1] = kind;
      row_.values[count_ - 1] = kind == Row::Kind::null ? std::string_view() : text;
    } else {
      separate();
      nested() += text;
    }
    return true;
  }
  bool open(char bracket) {
    if (depth_ == 0) {
      if (bracket != '{') return not_an_object();
    } else if (depth_ == 1) {
      row_.kinds[count_ - 1] = Row::Kind::json;
      nested().assign(1, bracket);
    } else {
      separate();
      nested().push_back(bracket);
    }
    ++depth_;
    first_ = true;
    return true;
  }
  bool close(char bracket) {
    if (--depth_ >= 1) nested().push_back(bracket);
    first_ = false;
    return true;
  }

  Row& row_;
  size_t count_ = 0;
  int64_t depth_ = 0;
  bool first_ = true;
};

}  // namespace

std::string read_json_object(std::string_view text, Row& row) {
  RowBuilder builder(row);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder) && builder.wrong.empty())
    builder.wrong = "not JSON";
  builder.finish();
  return builder.wrong;
}

}  // namespace gantry
