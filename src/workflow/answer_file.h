// Where the answers of `gantry predict` go: a file grown by whole lines and fsynced a batch, or
// standard output.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gantry {

struct CsvColumn {
  std::string name;
  std::vector<std::string> path;  // keys from the answer's object down
};

class AnswerFile {
 public:
  // `path` ends in .csv or is JSONL; empty: standard output. Errors E0741 (`path` exists without
  // `resume`, or is not a predictions file of these columns), E0102.
  AnswerFile(const std::filesystem::path& path, bool resume, std::vector<CsvColumn> columns);
  ~AnswerFile();
  AnswerFile(const AnswerFile&) = delete;
  AnswerFile& operator=(const AnswerFile&) = delete;

  int64_t answered_before() const { return lines_; }
  void add(const nlohmann::ordered_json& answer);
  void flush();

 private:
  std::string header() const;
  std::string csv_line(const nlohmann::ordered_json& answer) const;
  void count_whole_lines();
  void put(std::string_view bytes);
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::vector<CsvColumn> columns_;
  bool csv_ = false;
  int fd_ = -1;
  int64_t lines_ = 0, whole_bytes_ = 0;
  std::string pending_;
};

// The answer of a row that cannot be used: id, line, error.
nlohmann::ordered_json unusable_row(const std::string& id, int64_t line, const std::string& why);

}  // namespace gantry
