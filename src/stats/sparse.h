// Sparse rows (compressed sparse row format), for n-gram counts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gantry {

struct SparseRow {  // columns ascending
  std::vector<int32_t> column;
  std::vector<double> value;
};

struct SparseRows {
  int64_t columns = 0;
  std::vector<int64_t> start{0};  // [rows + 1]
  std::vector<int32_t> column;    // ascending within a row
  std::vector<double> value;

  int64_t rows() const { return static_cast<int64_t>(start.size()) - 1; }
  void add(const SparseRow& row) {
    column.insert(column.end(), row.column.begin(), row.column.end());
    value.insert(value.end(), row.value.begin(), row.value.end());
    start.push_back(static_cast<int64_t>(column.size()));
  }
  SparseRow row(int64_t i) const {
    return {{column.begin() + start[i], column.begin() + start[i + 1]},
            {value.begin() + start[i], value.begin() + start[i + 1]}};
  }
};

}  // namespace gantry
