#include "study/open_report.h"

namespace gantry {

const std::string& OpenReport::whole() {
  if (!record_.text.empty()) return record_.text;
  if (!joined_) {
    joined_.emplace();
    for (const std::string* part : {&record_.indication, &record_.findings, &record_.diagnosis})
      if (!part->empty()) *joined_ += (joined_->empty() ? "" : "\n") + *part;
  }
  return *joined_;
}

std::string OpenReport::section(std::string_view kind) {
  if (kind == "whole") return whole();
  const std::string* apart = kind == "indication"  ? &record_.indication
                             : kind == "findings"  ? &record_.findings
                             : kind == "diagnosis" ? &record_.diagnosis
                                                   : nullptr;
  if (apart != nullptr && !apart->empty()) return *apart;
  if (record_.text.empty()) return {};
  if (!cut_) cut_ = table_.cut(record_.text, {});
  return cut_->text_of(kind);
}

}  // namespace gantry
