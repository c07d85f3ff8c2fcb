#include "workflow/answer_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;

std::string csv_cell(const std::string& value) {
  if (value.find_first_of(",\"\r\n") == std::string::npos) return value;
  std::string out = "\"";
  for (char c : value) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string cell_of(const Json& answer, const std::vector<std::string>& path) {
  const Json* at = &answer;
  for (const std::string& key : path) {
    if (!at->is_object() || !at->contains(key)) return {};
    at = &at->at(key);
  }
  if (at->is_null()) return {};
  return at->is_string() ? at->get<std::string>()
                         : at->dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

AnswerFile::AnswerFile(const std::filesystem::path& path, bool resume,
                       std::vector<CsvColumn> columns)
    : path_(path), columns_(std::move(columns)), csv_(path.extension() == ".csv") {
  if (path_.empty()) {
    fd_ = 1;
    return;
  }
  const bool there = std::filesystem::exists(path_);
  if (there && !resume)
    throw Error("E0741", path_.string() + ": the file exists",
                "Give --resume to go on behind its last answer, or another --out.");
  if (there) count_whole_lines();
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) fail();
  if (::ftruncate(fd_, whole_bytes_) != 0 || ::lseek(fd_, whole_bytes_, SEEK_SET) < 0) fail();
  if (csv_ && whole_bytes_ == 0) put(header());
}

AnswerFile::~AnswerFile() {
  if (fd_ > 2) ::close(fd_);
}

void AnswerFile::add(const Json& answer) {
  pending_ +=
      csv_ ? csv_line(answer) : answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void AnswerFile::flush() {
  put(pending_);
  pending_.clear();
  if (fd_ > 2 && ::fsync(fd_) != 0) fail();
}

std::string AnswerFile::header() const {
  std::string line;
  for (const CsvColumn& column : columns_)
    line += (line.empty() ? "" : ",") + csv_cell(column.name);
  return line + "\n";
}

std::string AnswerFile::csv_line(const Json& answer) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i)
    line += (i == 0 ? "" : ",") + csv_cell(cell_of(answer, columns_[i].path));
  return line + "\n";
}

// An answer is whole when its line end is there: a torn last line is written again. Cells hold no
// line breaks but in quotes (an id may have one), so quotes are followed in CSV.
void AnswerFile::count_whole_lines() {
  MappedFile file(path_);
  bool quoted = false;
  int64_t lines = 0;
  auto text = file.text();
  for (size_t i = 0; i < text.size(); ++i) {
    if (csv_ && text[i] == '"') quoted = !quoted;
    if (text[i] == '\n' && !quoted) {
      ++lines;
      whole_bytes_ = static_cast<int64_t>(i) + 1;
    }
  }
  if (csv_ && lines > 0 && text.substr(0, header().size()) != header())
    throw Error("E0741", path_.string() + ": not a predictions file of this run",
                "Give another --out.");
  lines_ = csv_ ? std::max<int64_t>(0, lines - 1) : lines;
}

void AnswerFile::put(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail();
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void AnswerFile::fail() const {
  throw Error("E0102",
              (path_.empty() ? std::string("standard output") : path_.string()) +
                  ": cannot be written (" + std::strerror(errno) + ")",
              "Mend the cause and run the command again with --resume; the answers so far are "
              "kept.");
}

Json unusable_row(const std::string& id, int64_t line, const std::string& why) {
  Json out;
  out["id"] = id.empty() ? Json(nullptr) : Json(id);
  out["line"] = line;
  out["error"] = why;
  return out;
}

}  // namespace gantry
