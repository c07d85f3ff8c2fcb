// Rows of people's judgements (readings, ratings) out of a hospital's file, by names of columns in
// English or Japanese.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "records/record.h"
#include "records/row_reader.h"

namespace gantry {

struct EvidenceColumn {
  std::string name;                // "reader"
  std::vector<std::string> names;  // as files call it, compared after NFKC, case and space folding
  bool required = true;
};

// Rows set aside, and how many were read.
struct EvidenceFile {
  std::string name;  // without folders
  int64_t rows = 0;
  std::vector<RejectedRow> rejected;
  void reject(int64_t line, const std::string& code, const std::string& reason);
};

// Calls `use` with the row's line and its values in the order of `columns` ("" where the file lacks
// the column), ends trimmed. Error E0781: a required column is missing, naming those there are.
EvidenceFile read_evidence(
    const std::filesystem::path& path, const std::string& encoding,
    const std::vector<EvidenceColumn>& columns,
    const std::function<void(EvidenceFile&, int64_t line, const std::vector<std::string>&)>& use);

// NFKC, lower case, no white space: for comparing names and labels that people typed.
std::string folded_name(std::string_view text);

// `values` as JSON lines, one object each, from `file`; damaged lines are Error E0782.
void for_each_json_line(const std::filesystem::path& file,
                        const std::function<void(const std::string& line)>& use);

}  // namespace gantry
