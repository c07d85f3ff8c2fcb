// The Japanese of what the program says in English elsewhere: names of classifiers, steps of the
// cohort, notes, how an answer is made. Those words are stored with a run and printed by the verbs
// in English; the report puts the Japanese beside them from a table that is data
// (tasks/report-japanese.tsv), so that a clinician can better a word without a compiler.
//
//   in_japanese("holds 転移 (whole)")          -> "「転移」を含む（全文）"
//   in_japanese("a hospital's own sentence")   -> the same: what people write stays as written
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "report/report_section.h"

namespace gantry {

// A table of English and Japanese templates. In a template stand for what differs:
//   {1}  any text, itself looked up      {l1}  texts parted by ", ", each looked up
//   {n1} a number ("1,420", "0.80", "-3.1")
class JapaneseTable {
 public:
  // `tsv`: lines of an English template, a tab, the Japanese one; # begins a comment. Error E0805
  // (no tab, an empty side, a place that the other side lacks), naming `label` and the line.
  static JapaneseTable parse(std::string_view tsv, const std::string& label);
  JapaneseTable(JapaneseTable&&) noexcept;
  ~JapaneseTable();

  // `english` itself where no line fits. The first line that fits counts; whole lines without
  // places go before all others.
  std::string of(const std::string& english) const;

  // The fixed parts of the English templates, for a test that the program still says them.
  std::vector<std::string> fixed_parts() const;

 private:
  struct State;
  explicit JapaneseTable(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// With the program's own table.
std::string in_japanese(const std::string& english);
Words in_both(const std::string& english);

}  // namespace gantry
