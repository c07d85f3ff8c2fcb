// A record's report, opened as far as it is needed: its whole text, and its sections, cut at most
// once.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "records/record.h"
#include "text/sections.h"

namespace gantry {

class OpenReport {
 public:
  // Both must outlive it.
  OpenReport(const Record& record, const SectionTable& table) : record_(record), table_(table) {}

  const Record& record() const { return record_; }
  // The report as it came; where the sections came apart, they joined by line breaks.
  const std::string& whole();
  // The bodies of one kind as they came, "" when there are none; all of it for "whole".
  std::string section(std::string_view kind);

 private:
  const Record& record_;
  const SectionTable& table_;
  std::optional<std::string> joined_;
  std::optional<Sections> cut_;
};

}  // namespace gantry
