// Reader of CSV and TSV: RFC 4180 with line ends of any kind and any single delimiter.
//
// A row whose quotes do not close properly is set aside by its first physical line, and reading
// goes on with the next line: one stray quote costs its own row, not the rest of the file.
#pragma once

#include <vector>

#include "records/source_reader.h"

namespace gantry {

class DelimitedReader : public SourceReader {
 public:
  // Reads the header. Error E0204.
  DelimitedReader(std::unique_ptr<TextSource> source, const RowReaderOptions& options);
  Next next() override;

 private:
  enum class Scan { row, end, too_long, unterminated_quote, text_after_quote };
  enum class Place : uint8_t { cell_start, plain, quoted, after_quote };
  struct Cell {
    size_t begin, end;  // in the row, without the quotes
    bool quoted;
  };

  Scan scan();  // finds cells_ and row_bytes_ of the row at the front
  bool scan_byte(std::string_view view);
  void end_cell();
  void choose_delimiter();
  void read_header();
  Next reject_line(const char* code, std::string reason);
  void take_cells();
  void count_lines();
  bool blank() const;

  char delimiter_ = ',';
  std::vector<Cell> cells_;
  size_t row_bytes_ = 0;  // with its line end
  size_t at_ = 0;
  Place place_ = Place::cell_start;
  Cell cell_{};
  bool row_done_ = false, bad_quote_ = false;
};

}  // namespace gantry
