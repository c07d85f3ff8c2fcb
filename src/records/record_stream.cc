#include "records/record_stream.h"

#include <utility>

namespace gantry {
namespace {

constexpr size_t kBatchRows = 512;
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kWaitingBatches = 4;

}  // namespace

RecordStream::RecordStream(RecordReader& reader) : reader_(reader), thread_([this] { run(); }) {}

RecordStream::~RecordStream() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void RecordStream::run() {
  try {
    read_all();
  } catch (...) {
    failure_ = std::current_exception();  // seen by next() once ended_ is set under the lock
  }
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void RecordStream::read_all() {
  Batch batch;
  size_t bytes = 0;
  auto failing = [&] {  // the rows before a failure are not lost with it
    hand_over(batch);
    throw;
  };
  for (;;) {
    RowReader::Next found = RowReader::Next::end;
    try {
      found = reader_.next();
    } catch (...) {
      failing();
    }
    if (found == RowReader::Next::end) break;
    if (found == RowReader::Next::rejected) {
      batch.rows.emplace_back(reader_.rejected());
      bytes += reader_.rejected().excerpt.size();
    } else {
      Record& record = reader_.record();
      record.hash = record_hash(record);
      bytes += record.text.size() + record.findings.size() + record.fields_json.size();
      batch.rows.emplace_back(std::move(record));
    }
    if (batch.rows.size() < kBatchRows && bytes < kBatchBytes) continue;
    if (!hand_over(batch)) return;
    bytes = 0;
  }
  hand_over(batch);
}

bool RecordStream::hand_over(Batch& batch) {
  batch.bytes_read = reader_.rows().bytes_read();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() < kWaitingBatches || stopped_; });
  if (stopped_) return false;
  waiting_.push_back(std::exchange(batch, {}));
  changed_.notify_all();
  return true;
}

bool RecordStream::next(Batch& batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !waiting_.empty() || ended_; });
  if (waiting_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return false;
  }
  batch = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.notify_all();
  return true;
}

}  // namespace gantry
