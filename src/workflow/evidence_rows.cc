#include "workflow/evidence_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"
#include "study/cases.h"

namespace gantry {
namespace {

int column_of(const EvidenceColumn& column, const std::vector<std::string>& names) {
  for (const auto& wanted : column.names)
    for (size_t i = 0; i < names.size(); ++i)
      if (folded_name(names[i]) == folded_name(wanted)) return static_cast<int>(i);
  return -1;
}

}  // namespace

void EvidenceFile::reject(int64_t line, const std::string& code, const std::string& reason) {
  rejected.push_back({name, line, code, reason, {}});
}

std::string folded_name(std::string_view text) {
  std::string out;
  for (char c : CaseMaker::model_text(text))
    if (c != ' ' && c != '\t' && c != '\n')
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

EvidenceFile read_evidence(
    const std::filesystem::path& path, const std::string& encoding,
    const std::vector<EvidenceColumn>& columns,
    const std::function<void(EvidenceFile&, int64_t, const std::vector<std::string>&)>& use) {
  RowReaderOptions options;
  options.encoding = encoding;
  auto reader = RowReader::open(path, options);
  EvidenceFile file{path.filename().string(), 0, {}};
  std::vector<std::string> names;
  std::vector<int> at;
  for (;;) {
    const auto next = reader->next();
    if (next == RowReader::Next::end) return file;
    ++file.rows;
    if (next == RowReader::Next::rejected) {
      file.rejected.push_back(reader->rejected());
      continue;
    }
    const Row& row = reader->row();
    if (row.names != names) {
      names = row.names;
      at.clear();
      for (const auto& column : columns) {
        at.push_back(column_of(column, names));
        if (at.back() >= 0 || !column.required) continue;
        std::string known;
        for (const auto& n : names) known += (known.empty() ? "" : ", ") + n;
        throw Error("E0781",
                    file.name + ", line " + std::to_string(row.line) + ": no column '" +
                        column.name + "' (there are: " + known + ")",
                    "Name the column " + column.names.front() + ".");
      }
    }
    std::vector<std::string> values;
    for (int i : at)
      values.push_back(i < 0 ? std::string()
                             : std::string(trim(row.values[static_cast<size_t>(i)])));
    use(file, row.line, values);
  }
}

void for_each_json_line(const std::filesystem::path& file,
                        const std::function<void(const std::string& line)>& use) {
  if (!std::filesystem::exists(file)) return;
  const std::string content = read_file(file);
  for (auto line : split(content, '\n'))
    if (!line.empty()) use(std::string(line));
}

}  // namespace gantry
