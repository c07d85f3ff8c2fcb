// SQLite in the house's words: statements that bind and read typed values, errors as Error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gantry {

// Throws E0222 (full, read-only, busy, input/output) or E0221 (damaged, not a store).
[[noreturn]] void throw_sqlite(sqlite3* db, int code, const std::string& path);

class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, std::string_view sql, const std::string& path);
  bool step();  // true while there is a row
  void run();   // steps to the end and resets
  void reset() { sqlite3_reset(statement_.get()); }
  // Parameters and columns count from 1 and 0, as in SQLite. Bound text must live until reset.
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, int64_t value);
  Statement& bind_blob(int index, std::string_view bytes);
  std::string_view text(int column) const;
  std::string_view blob(int column) const;
  int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* path_ = nullptr;
};

class Database {
 public:
  // `flags` as of sqlite3_open_v2. The path must not be "" or ":memory:".
  Database(std::string path, int flags);
  void run(const char* sql);  // one or several statements without results
  void roll_back() noexcept;  // the open transaction, if there is one
  Statement prepare(std::string_view sql) const { return Statement(db_.get(), sql, path_); }
  int64_t changes() const { return sqlite3_changes64(db_.get()); }  // of the last statement
  int64_t last_row() const { return sqlite3_last_insert_rowid(db_.get()); }
  bool in_transaction() const { return !sqlite3_get_autocommit(db_.get()); }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace gantry
