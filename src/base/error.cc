#include "base/error.h"

#include <stdexcept>

namespace gantry {

Error::Error(std::string code, std::string what, std::string remedy)
    : code_(std::move(code)), message_(std::move(what)), remedy_(std::move(remedy)) {
  full_ = code_ + ": " + message_;
  if (!full_.empty() && full_.back() != '.') full_ += '.';
  if (!remedy_.empty()) full_ += ' ' + remedy_;
}

namespace internal {
void check_failed(const char* file, int line, const char* condition, const std::string& detail) {
  throw std::logic_error(std::string("internal error at ") + file + ":" + std::to_string(line) +
                         ": " + condition + (detail.empty() ? "" : " (" + detail + ")"));
}
}  // namespace internal

}  // namespace gantry
