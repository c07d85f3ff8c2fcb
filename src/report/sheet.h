// A sheet that people fill in: cases in a shuffled order, nothing on them that gives an answer
// away. As CSV for a spreadsheet, and as one self-contained HTML page that prints on A4 and can
// also be filled in on screen: one case at a time, the seconds taken, kept in the browser until it
// is saved as the CSV that `gantry readings import` and `gantry ratings import` read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "report/report_section.h"

namespace gantry {

struct SheetItem {
  // Columns of the CSV that say which case it is, in the order of Sheet::keys.
  std::vector<std::string> keys;
  std::string heading;                                     // on the page: "12 of 220"
  std::vector<std::pair<std::string, std::string>> texts;  // heading and text, shown as they are
};

struct Sheet {
  Words title, lead;
  bool synthetic = false;
  std::string person_column, person;                   // "reader", "A": on every row
  std::vector<std::string> keys;                       // "order", "report", "source"
  std::string answer_column;                           // "label", "grade"
  std::vector<std::pair<std::string, Words>> choices;  // value and what it means
  bool seconds = false;                                // a column "seconds", timed on screen
  bool comment = false;                                // a column "comment"
  bool texts_in_csv = true;
  std::vector<SheetItem> items;
};

std::string sheet_csv(const Sheet& sheet);  // UTF-8 with BOM, for spreadsheets
std::string sheet_html(const Sheet& sheet);

}  // namespace gantry
