// Store: the study's records in one SQLite file (WAL), readable by its owner alone.
//
// A report is known by (source, id). Its first text is version 1; a changed one becomes the next
// version and the old one stays. Whatever is written can be cut off at any instant: a batch is in
// or it is not. One writer at a time; readers see the last complete batch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "records/record.h"

namespace gantry {

class Store {
 public:
  // Opens or creates the file (mode 0600). Error E0221 (not a store, damaged or of a newer
  // version), E0222 (cannot be written: disk full, read-only, locked by another import).
  static std::unique_ptr<Store> open(const std::filesystem::path& path);
  // Only to read; the file must exist (E0221). Works on a read-only medium.
  static std::unique_ptr<Store> open_read_only(const std::filesystem::path& path);
  ~Store();

  enum class Added { added, unchanged, new_version, same_id_other_text };

  // One file's import. Rows go in by batches; what was committed stays when the session is
  // abandoned or the process dies, and importing the file again goes on without harm.
  class Session {
   public:
    ~Session();  // without finish(): commits the open batch's complete rows, entry "unfinished"
    // `record.hash` is filled in where empty. same_id_other_text: the same (source, id) came
    // earlier in this file with another content; the record was not stored and the caller rejects
    // the row.
    Added add(Record& record);
    // Lines that were rejected in an earlier import of this file's bytes are not listed twice.
    void reject(const RejectedRow& row);
    // Of the earlier row in this file with the same (source, id); 0 when there is none.
    int64_t first_line_of(std::string_view source, std::string_view id);
    void finish(const std::string& file_hash, const std::string& encoding);

   private:
    friend class Store;
    struct State;
    explicit Session(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  // Error E0103 while another import into this store is under way.
  std::unique_ptr<Session> begin_import(const std::string& file);

  // The latest version of every report, in (source, id) order. The record is reused: copy what must
  // outlive the call. Return false to stop.
  void for_each(const std::function<bool(const Record&)>& visit) const;
  // All versions of one report, oldest first.
  std::vector<Record> versions(std::string_view source, std::string_view id) const;
  std::optional<Record> find(std::string_view source, std::string_view id) const;  // the latest
  void for_each_rejected(const std::function<bool(const RejectedRow&)>& visit) const;

  struct Counts {
    int64_t records = 0;   // latest versions
    int64_t versions = 0;  // all versions
    int64_t patients = 0, sources = 0, rejected = 0;
    int64_t labelled = 0;
    int64_t ids_in_several_sources = 0;  // the same id under two sources: is it the same report?
  };
  Counts counts() const;

  struct Import {                                              // one line of the import log
    std::string file, file_hash, encoding, started, finished;  // UTC, ISO 8601; "" unfinished
    int64_t rows = 0, added = 0, unchanged = 0, new_versions = 0, rejected = 0;
  };
  std::vector<Import> imports() const;

  // SHA-256 over (source, id, hash) of every latest version in that order: the identity of the data
  // a study was made from. The same reports give the same hash in whatever order they came.
  std::string content_hash() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gantry
