// Reader of JSONL: one JSON object a line.
#pragma once

#include "records/source_reader.h"

namespace gantry {

class JsonlReader : public SourceReader {
 public:
  JsonlReader(std::unique_ptr<TextSource> source, const RowReaderOptions& options);
  Next next() override;

 private:
  size_t find_line_end();  // npos: the line is too long
};

}  // namespace gantry
