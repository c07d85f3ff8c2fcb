// Error: what a user can cause, with what to do about it.
//
//   throw Error("E0203", "reports.csv, line 12, column 'exam_date', value '2019-13-01': not a
//   date",
//               "Write dates as YYYY-MM-DD.");
//
// The code is stable and has an entry in docs/errors.md. An Error is thrown by the library and
// shown once, by the face (cli/). The library never prints and never exits. What only a programmer
// can cause is a GANTRY_CHECK.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace gantry {

class Error : public std::exception {
 public:
  // `what` says what happened: file, row, column, value. `remedy` says what to do, as a sentence.
  Error(std::string code, std::string what, std::string remedy = {});

  const std::string& code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& remedy() const { return remedy_; }
  // "E0203: reports.csv, line 12, ...: not a date. Write dates as YYYY-MM-DD."
  const char* what() const noexcept override { return full_.c_str(); }

 private:
  std::string code_, message_, remedy_, full_;
};

namespace internal {
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);
}

}  // namespace gantry

// A condition that only a programming mistake can break. Stays on in Release: a wrong shape must
// stop the run.
#define GANTRY_CHECK(condition)                                                             \
  do {                                                                                      \
    if (!(condition)) ::gantry::internal::check_failed(__FILE__, __LINE__, #condition, {}); \
  } while (false)
#define GANTRY_CHECK_MSG(condition, detail)                                                       \
  do {                                                                                            \
    if (!(condition)) ::gantry::internal::check_failed(__FILE__, __LINE__, #condition, (detail)); \
  } while (false)
