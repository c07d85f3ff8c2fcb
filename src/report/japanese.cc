#include "report/japanese.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "study/data_folder.h"

namespace gantry {
namespace {

constexpr int kDeepest = 4;  // a text in a text in a text

struct Piece {
  std::string text;  // fixed text, or the name of a place ("1", "n1", "l1")
  bool is_place = false;
};

// "{1}", "{n2}", "{l1}"; other braces are plain text, as in prompts.
std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> out;
  std::string fixed;
  for (size_t at = 0; at < text.size();) {
    const size_t kind =
        text[at] == '{' && at + 1 < text.size() && (text[at + 1] == 'n' || text[at + 1] == 'l') ? 1
                                                                                                : 0;
    const size_t digit = at + 1 + kind;
    if (text[at] == '{' && digit + 1 < text.size() && text[digit] >= '1' && text[digit] <= '9' &&
        text[digit + 1] == '}') {
      if (!fixed.empty()) out.push_back({std::move(fixed)});
      fixed.clear();
      out.push_back({std::string(text.substr(at + 1, kind + 1)), true});
      at = digit + 2;
    } else {
      fixed += text[at++];
    }
  }
  if (!fixed.empty()) out.push_back({std::move(fixed)});
  return out;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == ',' || c == '.' || c == '-';
  });
}

bool may_hold(const Piece& place, std::string_view text) {
  return !text.empty() && (place.text[0] != 'n' || is_number(text));
}

using Found = std::map<std::string, std::string>;  // a place and what stands in it

// Whether `text` from `at` is what the pieces from `p` say; the shortest text for a place first.
bool fits(const std::vector<Piece>& pieces, size_t p, std::string_view text, size_t at,
          Found& found) {
  if (p == pieces.size()) return at == text.size();
  const Piece& piece = pieces[p];
  if (!piece.is_place)
    return text.substr(at, piece.text.size()) == piece.text &&
           fits(pieces, p + 1, text, at + piece.text.size(), found);
  if (p + 1 == pieces.size()) {
    found[piece.text] = text.substr(at);
    return may_hold(piece, text.substr(at));
  }
  const std::string& next = pieces[p + 1].text;
  for (size_t end = text.find(next, at); end != std::string_view::npos;
       end = text.find(next, end + 1)) {
    if (!may_hold(piece, text.substr(at, end - at)) || !fits(pieces, p + 1, text, end, found))
      continue;
    found[piece.text] = text.substr(at, end - at);
    return true;
  }
  return false;
}

struct Line {
  std::vector<Piece> english, japanese;
};

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw Error("E0805", where + ": " + why,
              "Write the English, a tab and the Japanese, with the same places ({1}, {n1}, {l1}).");
}

std::set<std::string> places_of(const std::vector<Piece>& pieces) {
  std::set<std::string> out;
  for (const Piece& piece : pieces)
    if (piece.is_place) out.insert(piece.text);
  return out;
}

}  // namespace

struct JapaneseTable::State {
  std::unordered_map<std::string, std::string> whole;
  std::vector<Line> anywhere;                // begin with a place
  std::array<std::vector<Line>, 256> begin;  // by the first byte
  std::vector<std::string> fixed;

  std::string of(const std::string& english, int depth) const;
  std::string filled(const Line& line, const Found& found, int depth) const;
};

std::string JapaneseTable::State::filled(const Line& line, const Found& found, int depth) const {
  std::string out;
  for (const Piece& piece : line.japanese) {
    if (!piece.is_place) {
      out += piece.text;
      continue;
    }
    const std::string& text = found.at(piece.text);
    if (piece.text[0] == 'n') {
      out += text;
    } else if (piece.text[0] == 'l') {
      bool first = true;
      for (size_t at = 0; at <= text.size(); first = false) {
        const size_t end = std::min(text.find(", ", at), text.size());
        out += (first ? "" : "、") + of(text.substr(at, end - at), depth + 1);
        at = end + 2;
      }
    } else {
      out += of(text, depth + 1);
    }
  }
  return out;
}

std::string JapaneseTable::State::of(const std::string& english, int depth) const {
  if (english.empty() || depth > kDeepest) return english;
  if (auto at = whole.find(english); at != whole.end()) return at->second;
  for (const auto* lines : {&begin[static_cast<unsigned char>(english[0])], &anywhere})
    for (const Line& line : *lines) {
      Found found;
      if (fits(line.english, 0, english, 0, found)) return filled(line, found, depth);
    }
  return english;
}

JapaneseTable::JapaneseTable(std::unique_ptr<State> state) : state_(std::move(state)) {}
JapaneseTable::JapaneseTable(JapaneseTable&&) noexcept = default;
JapaneseTable::~JapaneseTable() = default;

JapaneseTable JapaneseTable::parse(std::string_view tsv, const std::string& label) {
  auto state = std::make_unique<State>();
  for (const auto& [number, text] : data_lines(tsv)) {
    const std::string where = label + ", line " + std::to_string(number);
    const auto fields = split(text, '\t');
    if (fields.size() != 2 || fields[0].empty() || fields[1].empty())
      refuse(where, "not an English and a Japanese text");
    Line line{pieces_of(fields[0]), pieces_of(fields[1])};
    if (places_of(line.english) != places_of(line.japanese))
      refuse(where, "a place stands on one side only");
    for (size_t p = 1; p < line.english.size(); ++p)
      if (line.english[p].is_place && line.english[p - 1].is_place)
        refuse(where, "two places without a word between them");
    for (const Piece& piece : line.english)
      if (!piece.is_place) state->fixed.push_back(piece.text);
    const bool plain = line.english.size() == 1 && !line.english[0].is_place;
    if (plain)
      state->whole.emplace(fields[0], fields[1]);
    else if (line.english[0].is_place)
      state->anywhere.push_back(std::move(line));
    else
      state->begin[static_cast<unsigned char>(fields[0][0])].push_back(std::move(line));
  }
  return JapaneseTable(std::move(state));
}

std::string JapaneseTable::of(const std::string& english) const { return state_->of(english, 0); }

std::vector<std::string> JapaneseTable::fixed_parts() const { return state_->fixed; }

std::string in_japanese(const std::string& english) {
  static const JapaneseTable table = JapaneseTable::parse(
      read_file(data_file("tasks/report-japanese.tsv")), "report-japanese.tsv");
  return table.of(english);
}

Words in_both(const std::string& english) { return {english, in_japanese(english)}; }

}  // namespace gantry
