// RecordStream: a RecordReader on a thread of its own, so that decoding and checking go on while
// the store writes. Bounded: a few batches wait, then the reader waits.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "records/record_reader.h"

namespace gantry {

class RecordStream {
 public:
  using Row = std::variant<Record, RejectedRow>;  // in the order of the file; records with hash
  struct Batch {
    std::vector<Row> rows;
    int64_t bytes_read = 0;  // of the file when the batch was full
  };

  explicit RecordStream(RecordReader& reader);  // the reader is this object's until destruction
  ~RecordStream();                              // stops the thread, wherever it is
  RecordStream(const RecordStream&) = delete;
  RecordStream& operator=(const RecordStream&) = delete;

  // False at the end; then the reader may be asked for what it found out. What the reader threw is
  // thrown here, behind the rows it read before.
  bool next(Batch& batch);

 private:
  void run();
  void read_all();
  bool hand_over(Batch& batch);  // false: nobody wants more

  RecordReader& reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  bool ended_ = false, stopped_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace gantry
