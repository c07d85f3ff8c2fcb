#include "records/sqlite.h"

#include <filesystem>

#include "base/error.h"

namespace gantry {

namespace {

// On a disk without a free page SQLite cannot even make its index of the log, and says "disk I/O
// error".
bool is_full(const std::string& path) {
  constexpr uintmax_t kPage = 65536;
  std::error_code unknown;
  const auto space = std::filesystem::space(path, unknown);
  return !unknown && space.available < kPage;
}

}  // namespace

void throw_sqlite(sqlite3* db, int code, const std::string& path) {
  code &= 0xFF;
  if (code == SQLITE_IOERR && is_full(path)) code = SQLITE_FULL;
  std::string what =
      path + ": " + (db && code != SQLITE_FULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code) {
    case SQLITE_FULL:
      throw Error("E0222", what,
                  "Free some disk space and run the command again; complete batches "
                  "are stored and nothing was damaged.");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      throw Error("E0222", what, "Check that the study's folder exists and may be written.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error("E0222", what, "Another program has the store open for writing: wait for it.");
    case SQLITE_IOERR:
      throw Error("E0222", what, "Check the disk; complete batches are stored.");
    case SQLITE_TOOBIG:
      throw Error("E0222", what, "One row is larger than SQLite can hold (1 GB).");
    default:
      throw Error("E0221", what,
                  "The file is not a record store or is damaged: take it from a "
                  "backup, or import the reports into a new study.");
  }
}

Statement::Statement(sqlite3* db, std::string_view sql, const std::string& path) : path_(&path) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  statement_.reset(raw);
  if (code != SQLITE_OK) throw_sqlite(db, code, path);
}

bool Statement::step() {
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_.get());
  throw_sqlite(db, code, *path_);
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

Statement& Statement::bind(int index, std::string_view text) {
  int code = sqlite3_bind_text64(statement_.get(), index, text.data() ? text.data() : "",
                                 text.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) throw_sqlite(sqlite3_db_handle(statement_.get()), code, *path_);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  int code =
      sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) throw_sqlite(sqlite3_db_handle(statement_.get()), code, *path_);
  return *this;
}

Statement& Statement::bind(int index, int64_t value) {
  GANTRY_CHECK(sqlite3_bind_int64(statement_.get(), index, value) == SQLITE_OK);
  return *this;
}

std::string_view Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (!bytes) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Database::Database(std::string path, int flags) : path_(std::move(path)) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(path_.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(raw);
  if (code != SQLITE_OK) throw_sqlite(raw, code, path_);
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, 5000);
}

void Database::run(const char* sql) {
  int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_sqlite(db_.get(), code, path_);
}

void Database::roll_back() noexcept {
  if (in_transaction()) sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace gantry
