// Import: files into the store, with counts of what became of every row.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/progress.h"
#include "records/record_reader.h"
#include "records/store.h"

namespace gantry {

struct ImportReport {
  struct File {
    std::string file, encoding, encoding_reason, format;
    double encoding_confidence = 1;
    int64_t rows = 0, added = 0, unchanged = 0, new_versions = 0, rejected = 0;
    std::map<std::string, int64_t> rejected_by_reason;  // RejectedRow::code -> rows
    std::map<uint32_t, uint64_t> private_use;           // code point -> times; kept in the text
    double seconds = 0;
  };
  std::vector<File> files;
  File total() const;
};

// Reads every file into the store. Files are opened (and their columns checked) before the first
// row is stored, so that a wrong name costs nothing. Errors: as RecordReader and Store; E0104 when
// interrupted: the batches stored so far stay, and importing again goes on without harm.
ImportReport import_files(Store& store, const std::vector<std::filesystem::path>& files,
                          const ColumnMap& map, const RecordOptions& options,
                          const ProgressSink& progress = {});

}  // namespace gantry
