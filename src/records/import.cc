#include "records/import.h"

#include <chrono>

#include "base/error.h"
#include "base/strings.h"
#include "records/record_stream.h"
#include "records/source_reader.h"

namespace gantry {
namespace {

class FileImport {
 public:
  FileImport(Store& store, const std::filesystem::path& path, const ColumnMap& map,
             const RecordOptions& options, const ProgressSink& progress)
      : reader_(path, map, options),
        session_(store.begin_import(path.string())),
        progress_(progress),
        path_(path) {}

  ImportReport::File run() {
    {
      RecordStream stream(reader_);
      for (RecordStream::Batch batch; stream.next(batch);) {
        for (RecordStream::Row& row : batch.rows) {
          ++report_.rows;
          if (auto* record = std::get_if<Record>(&row))
            add(*record);
          else
            reject(std::get<RejectedRow>(row));
        }
        look_up(batch.bytes_read);
      }
    }
    const RowReader::About& about = reader_.rows().about();
    session_->finish(reader_.rows().sha256(), about.encoding);
    report_.file = about.name;
    report_.encoding = about.encoding;
    report_.encoding_reason = about.encoding_reason;
    report_.encoding_confidence = about.confidence;
    report_.format = name_of(about.format);
    report_.private_use = reader_.rows().private_use();
    report_.seconds = seconds();
    return std::move(report_);
  }

 private:
  void reject(const RejectedRow& row) {
    session_->reject(row);
    ++report_.rejected;
    ++report_.rejected_by_reason[row.code];
  }

  void add(Record& record) {
    switch (session_->add(record)) {
      case Store::Added::added:
        ++report_.added;
        return;
      case Store::Added::unchanged:
        ++report_.unchanged;
        return;
      case Store::Added::new_version:
        ++report_.new_versions;
        return;
      case Store::Added::same_id_other_text:
        break;
    }
    RejectedRow row;
    row.file = record.file;
    row.line = record.line;
    row.code = "same_id_other_text";
    row.reason = "id '" + record.id + "' came in line " +
                 std::to_string(session_->first_line_of(record.source, record.id)) +
                 " with another text";
    row.excerpt = excerpt_of(record.text);
    reject(row);
  }

  void look_up(int64_t bytes_read) {
    double rate = static_cast<double>(report_.rows) / seconds();
    tell(progress_, Progress{.phase = "importing " + path_.filename().string(),
                             .done = static_cast<double>(bytes_read),
                             .total = total_bytes_,
                             .unit = "bytes",
                             .detail = with_commas(report_.rows) + " rows, " +
                                       with_commas(static_cast<int64_t>(rate)) + " rows/s"});
    throw_if_interrupted("What was read is stored; import the file again to go on.");
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  RecordReader reader_;
  std::unique_ptr<Store::Session> session_;
  const ProgressSink& progress_;
  std::filesystem::path path_;
  double total_bytes_ = [this] {
    std::error_code none;
    auto size = std::filesystem::file_size(path_, none);
    return none ? 0.0 : static_cast<double>(size);
  }();
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  ImportReport::File report_;
};

}  // namespace

ImportReport::File ImportReport::total() const {
  File sum;
  for (const File& f : files) {
    sum.rows += f.rows;
    sum.added += f.added;
    sum.unchanged += f.unchanged;
    sum.new_versions += f.new_versions;
    sum.rejected += f.rejected;
    sum.seconds += f.seconds;
    for (const auto& [code, rows] : f.rejected_by_reason) sum.rejected_by_reason[code] += rows;
    for (const auto& [code, times] : f.private_use) sum.private_use[code] += times;
  }
  return sum;
}

ImportReport import_files(Store& store, const std::vector<std::filesystem::path>& files,
                          const ColumnMap& map, const RecordOptions& options,
                          const ProgressSink& progress) {
  for (const std::filesystem::path& file : files)
    if (file != "-") RecordReader(file, map, options);
  ImportReport report;
  for (const std::filesystem::path& file : files)
    report.files.push_back(FileImport(store, file, map, options, progress).run());
  return report;
}

}  // namespace gantry
