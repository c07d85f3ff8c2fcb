#include "records/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <unordered_map>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "records/sqlite.h"

namespace gantry {
namespace {

constexpr int64_t kApplication = 0x47414E54;  // "GANT", in the file's header
constexpr int64_t kFormat = 1;
constexpr int64_t kBatchRows = 10'000;
constexpr int64_t kBatchBytes = int64_t{32} << 20;

// `report` holds every version and only grows at its end. `latest` is narrow: it finds a report,
// orders the reading, and remembers which import saw it last (for ids that come twice in a file).
constexpr const char* kSchema = R"(
PRAGMA application_id = 1195462228;
PRAGMA user_version = 1;
CREATE TABLE import(
  id INTEGER PRIMARY KEY, path TEXT NOT NULL, file TEXT NOT NULL, file_hash TEXT NOT NULL DEFAULT '',
  encoding TEXT NOT NULL DEFAULT '', started TEXT NOT NULL, finished TEXT NOT NULL DEFAULT '',
  rows INTEGER NOT NULL DEFAULT 0, added INTEGER NOT NULL DEFAULT 0,
  unchanged INTEGER NOT NULL DEFAULT 0, new_versions INTEGER NOT NULL DEFAULT 0,
  rejected INTEGER NOT NULL DEFAULT 0);
CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE report(
  row INTEGER PRIMARY KEY, source INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
  previous INTEGER NOT NULL, import INTEGER NOT NULL, line INTEGER NOT NULL, hash BLOB NOT NULL,
  patient TEXT NOT NULL, date TEXT NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL,
  indication TEXT NOT NULL, findings TEXT NOT NULL, diagnosis TEXT NOT NULL, fields TEXT NOT NULL);
CREATE TABLE latest(
  source INTEGER NOT NULL, id TEXT NOT NULL, row INTEGER NOT NULL, version INTEGER NOT NULL,
  hash BLOB NOT NULL, seen_import INTEGER NOT NULL, seen_line INTEGER NOT NULL,
  PRIMARY KEY(source, id)) WITHOUT ROWID;
CREATE TABLE rejected(
  import INTEGER NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
  excerpt TEXT NOT NULL);
CREATE INDEX rejected_by_import ON rejected(import, line);
)";

constexpr const char* kReportColumns =
    "r.id, s.name, r.patient, r.date, r.text, r.indication, r.findings, r.diagnosis, r.label, "
    "r.fields, i.file, r.line, lower(hex(r.hash)), r.version, r.previous";

std::string now() {
  std::time_t t = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&t, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

void fill(Record& r, const Statement& s) {
  r.id = s.text(0);
  r.source = s.text(1);
  r.patient = s.text(2);
  r.date = s.text(3);
  r.text = s.text(4);
  r.indication = s.text(5);
  r.findings = s.text(6);
  r.diagnosis = s.text(7);
  r.label = s.text(8);
  r.fields_json = s.text(9);
  r.file = s.text(10);
  r.line = s.integer(11);
  r.hash = s.text(12);
  r.version = static_cast<int>(s.integer(13));
}

std::string bytes_of_hex(std::string_view hex) {
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes(hex.size() / 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  return bytes;
}

// SQLite would create the file with the umask's mode; the -wal and -shm files take the main file's.
void create_private(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    throw Error("E0222", path + ": cannot be opened (" + std::strerror(errno) + ")",
                "Check that the study's folder exists and may be written.");
  ::fchmod(fd, 0600);
  ::close(fd);
}

}  // namespace

struct Store::State {
  explicit State(const std::string& path, int flags) : db(path, flags) {}
  Database db;
  std::filesystem::path path;

  int64_t pragma(const char* sql) const {
    Statement s = db.prepare(sql);
    return s.step() ? s.integer(0) : 0;
  }
  void check_format() const {
    if (pragma("PRAGMA application_id") != kApplication)
      throw Error("E0221", path.string() + ": not a record store of Gantry",
                  "Name another study, or move the file away and import again.");
    if (int64_t format = pragma("PRAGMA user_version"); format != kFormat)
      throw Error("E0221",
                  path.string() + ": written in format " + std::to_string(format) +
                      ", this program reads format " + std::to_string(kFormat),
                  "Use the version of Gantry that wrote it, or import again.");
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

std::unique_ptr<Store> Store::open(const std::filesystem::path& path) {
  create_private(path.string());
  auto state = std::make_unique<State>(path.string(), SQLITE_OPEN_READWRITE);
  state->path = path;
  Database& db = state->db;
  if (state->pragma("SELECT count(*) FROM sqlite_master") == 0 &&
      state->pragma("PRAGMA application_id") == 0) {
    db.run("PRAGMA journal_mode = WAL");
    db.run("BEGIN IMMEDIATE");
    // Another process may have made the tables between the look and the lock.
    if (state->pragma("SELECT count(*) FROM sqlite_master") == 0) db.run(kSchema);
    db.run("COMMIT");
  }
  state->check_format();
  // NORMAL: a power cut may take back the last batches, never damage the file. finish() waits for
  // the disk.
  db.run(
      "PRAGMA synchronous = NORMAL; PRAGMA temp_store = FILE; PRAGMA cache_size = -65536;"
      "PRAGMA wal_autocheckpoint = 16384");
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

std::unique_ptr<Store> Store::open_read_only(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path))
    throw Error("E0221", path.string() + ": there is no record store",
                "Import reports first (gantry import FILE).");
  std::unique_ptr<State> state;
  try {
    state = std::make_unique<State>(path.string(), SQLITE_OPEN_READONLY);
    state->path = path;
    state->check_format();
  } catch (const Error& e) {
    if (e.code() != "E0222") throw;
    // A medium that cannot be written has no place for the -shm file; nobody else writes there.
    std::string uri = "file:";
    for (char c : std::filesystem::absolute(path).string())
      uri += c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : std::string(1, c);
    state = std::make_unique<State>(uri + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    state->path = path;
    state->check_format();
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

struct Store::Session::State {
  explicit State(Database& database, const std::filesystem::path& store)
      : lock(store.string() + ".lock", "an import into this study"),
        db(database),
        find(db.prepare("SELECT row, version, hash, seen_import, seen_line FROM latest "
                        "WHERE source = ? AND id = ?")),
        insert_report(db.prepare("INSERT INTO report(row, source, id, version, previous, import, "
                                 "line, hash, patient, date, "
                                 "label, text, indication, findings, diagnosis, fields) "
                                 "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")),
        insert_latest(
            db.prepare("INSERT INTO latest VALUES(?,?,?,1,?,?,?) ON CONFLICT DO NOTHING")),
        update_latest(db.prepare("UPDATE latest SET row = ?, version = ?, hash = ?, seen_import = "
                                 "?, seen_line = ? WHERE source = ? AND id = ?")),
        mark_seen(db.prepare("UPDATE latest SET seen_import = ?, seen_line = ? "
                             "WHERE source = ? AND id = ?")),
        insert_rejected(db.prepare("INSERT INTO rejected VALUES(?,?,?,?,?)")) {}
  ~State() { db.roll_back(); }  // what a failure left open

  FileLock lock;
  Database& db;
  Statement find, insert_report, insert_latest, update_latest, mark_seen, insert_rejected;
  std::unordered_map<std::string, int64_t> sources;
  int64_t import = 0, next_row = 1, batch_rows = 0, batch_bytes = 0;
  Import counts;
  bool finished = false;

  Added add(Record& r);
  int64_t source_id(const std::string& name);
  void write_report(const Record& r, const std::string& hash, int64_t source, int64_t previous);
  void write_counts();
  void begin_batch();
  void end_batch();
  void count_towards_batch(int64_t bytes);
};

int64_t Store::Session::State::source_id(const std::string& name) {
  auto [it, fresh] = sources.try_emplace(name, 0);
  if (!fresh) return it->second;
  Statement insert = db.prepare("INSERT OR IGNORE INTO source(name) VALUES(?)");
  insert.bind(1, name).run();
  Statement select = db.prepare("SELECT id FROM source WHERE name = ?");
  GANTRY_CHECK(select.bind(1, name).step());
  return it->second = select.integer(0);
}

// Under the number next_row, which `latest` names already.
void Store::Session::State::write_report(const Record& r, const std::string& hash, int64_t source,
                                         int64_t previous) {
  insert_report.bind(1, next_row++).bind(2, source).bind(3, r.id).bind(4, int64_t{r.version});
  insert_report.bind(5, previous).bind(6, import).bind(7, r.line).bind_blob(8, hash);
  insert_report.bind(9, r.patient).bind(10, r.date).bind(11, r.label).bind(12, r.text);
  insert_report.bind(13, r.indication).bind(14, r.findings).bind(15, r.diagnosis);
  insert_report.bind(16, r.fields_json).run();
}

void Store::Session::State::write_counts() {
  Statement s = db.prepare(
      "UPDATE import SET file_hash = ?, encoding = ?, finished = ?, rows = ?, added = ?, "
      "unchanged = ?, new_versions = ?, rejected = ? WHERE id = ?");
  s.bind(1, counts.file_hash).bind(2, counts.encoding).bind(3, counts.finished);
  s.bind(4, counts.rows).bind(5, counts.added).bind(6, counts.unchanged);
  s.bind(7, counts.new_versions).bind(8, counts.rejected).bind(9, import).run();
}

void Store::Session::State::begin_batch() {
  db.run("BEGIN IMMEDIATE");
  batch_rows = batch_bytes = 0;
}

void Store::Session::State::end_batch() {
  write_counts();
  db.run("COMMIT");
}

void Store::Session::State::count_towards_batch(int64_t bytes) {
  ++counts.rows;
  batch_bytes += bytes;
  if (++batch_rows < kBatchRows && batch_bytes < kBatchBytes) return;
  end_batch();
  begin_batch();
}

Store::Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::Session::~Session() {
  if (state_->finished || !state_->db.in_transaction()) return;
  try {
    state_->end_batch();
  } catch (const Error&) {
    // The disk is full or gone: the open batch is lost as a whole, the earlier ones are stored.
  }
}

std::unique_ptr<Store::Session> Store::begin_import(const std::string& file) {
  auto s = std::make_unique<Session::State>(state_->db, state_->path);
  s->begin_batch();
  s->counts.file = std::filesystem::path(file).filename().string();
  s->counts.started = now();
  std::string path = file == "-" ? "" : std::filesystem::absolute(file).lexically_normal().string();
  Statement insert = state_->db.prepare("INSERT INTO import(path, file, started) VALUES(?,?,?)");
  insert.bind(1, path).bind(2, s->counts.file).bind(3, s->counts.started).run();
  s->import = state_->db.last_row();
  s->next_row = state_->pragma("SELECT ifnull(max(row), 0) + 1 FROM report");
  return std::unique_ptr<Session>(new Session(std::move(s)));
}

Store::Added Store::Session::add(Record& r) {
  try {
    Added outcome = state_->add(r);
    constexpr size_t kOther = 256;  // bytes of the shorter fields
    if (outcome != Added::same_id_other_text)
      state_->count_towards_batch(static_cast<int64_t>(r.text.size() + r.findings.size() + kOther));
    return outcome;
  } catch (const Error&) {
    state_->db.roll_back();  // never half a report
    throw;
  }
}

Store::Added Store::Session::State::add(Record& r) {
  if (r.hash.empty()) r.hash = record_hash(r);
  const std::string hash = bytes_of_hex(r.hash);
  int64_t source = source_id(r.source);
  // Most rows are new: one look into `latest` both finds that out and takes the place.
  insert_latest.bind(1, source).bind(2, r.id).bind(3, next_row).bind_blob(4, hash);
  insert_latest.bind(5, import).bind(6, r.line).run();
  if (db.changes() > 0) {
    r.version = 1;
    write_report(r, hash, source, 0);
    ++counts.added;
    return Added::added;
  }
  find.bind(1, source).bind(2, r.id);
  GANTRY_CHECK(find.step());
  int64_t previous = find.integer(0);
  bool same = find.blob(2) == hash, seen = find.integer(3) == import;
  r.version = static_cast<int>(find.integer(1)) + !same;
  find.reset();
  if (same) {
    if (!seen) mark_seen.bind(1, import).bind(2, r.line).bind(3, source).bind(4, r.id).run();
    ++counts.unchanged;
    return Added::unchanged;
  }
  if (seen) return Added::same_id_other_text;
  update_latest.bind(1, next_row).bind(2, int64_t{r.version}).bind_blob(3, hash);
  update_latest.bind(4, import).bind(5, r.line).bind(6, source).bind(7, r.id).run();
  write_report(r, hash, source, previous);
  ++counts.new_versions;
  return Added::new_version;
}

int64_t Store::Session::first_line_of(std::string_view source, std::string_view id) {
  State& s = *state_;
  s.find.bind(1, s.source_id(std::string(source))).bind(2, id);
  int64_t line = s.find.step() && s.find.integer(3) == s.import ? s.find.integer(4) : 0;
  s.find.reset();
  return line;
}

void Store::Session::reject(const RejectedRow& row) {
  State& s = *state_;
  s.insert_rejected.bind(1, s.import).bind(2, row.line).bind(3, row.code).bind(4, row.reason);
  s.insert_rejected.bind(5, row.excerpt).run();
  ++s.counts.rejected;
  s.count_towards_batch(static_cast<int64_t>(row.excerpt.size() + row.reason.size()));
}

void Store::Session::finish(const std::string& file_hash, const std::string& encoding) {
  State& s = *state_;
  s.counts.file_hash = file_hash;
  s.counts.encoding = encoding;
  // Rows set aside by an earlier import of this file are told anew by this one.
  Statement forget = s.db.prepare(
      "DELETE FROM rejected WHERE import IN (SELECT o.id FROM import o JOIN import n ON n.id = ?1 "
      "WHERE o.id < n.id AND ((o.path = n.path AND n.path != '') OR o.file_hash = ?2))");
  forget.bind(1, s.import).bind(2, file_hash).run();
  s.end_batch();
  // The mark that it is finished goes in by a commit that waits for the disk, and with it all
  // before.
  s.db.run("PRAGMA synchronous = FULL");
  s.begin_batch();
  s.counts.finished = now();
  s.end_batch();
  s.finished = true;
  s.db.run("PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(TRUNCATE)");
}

void Store::for_each(const std::function<bool(const Record&)>& visit) const {
  Statement sources = state_->db.prepare("SELECT id FROM source ORDER BY name");
  Statement rows = state_->db.prepare(
      std::string("SELECT ") + kReportColumns +
      " FROM latest l CROSS JOIN report r ON r.row = l.row JOIN source s ON s.id = r.source "
      "JOIN import i ON i.id = r.import WHERE l.source = ? ORDER BY l.id");
  Record record;
  while (sources.step()) {
    rows.bind(1, sources.integer(0));
    while (rows.step()) {
      fill(record, rows);
      if (!visit(record)) return;
    }
    rows.reset();
  }
}

std::vector<Record> Store::versions(std::string_view source, std::string_view id) const {
  Statement head = state_->db.prepare(
      "SELECT l.row FROM latest l JOIN source s ON s.id = l.source WHERE s.name = ? AND l.id = ?");
  Statement one = state_->db.prepare(std::string("SELECT ") + kReportColumns +
                                     " FROM report r JOIN source s ON s.id = r.source "
                                     "JOIN import i ON i.id = r.import WHERE r.row = ?");
  std::vector<Record> found;
  int64_t row = head.bind(1, source).bind(2, id).step() ? head.integer(0) : 0;
  while (row && one.bind(1, row).step()) {
    fill(found.emplace_back(), one);
    row = one.integer(14);
    one.reset();
  }
  return {found.rbegin(), found.rend()};
}

std::optional<Record> Store::find(std::string_view source, std::string_view id) const {
  std::vector<Record> all = versions(source, id);
  if (all.empty()) return std::nullopt;
  return std::move(all.back());
}

void Store::for_each_rejected(const std::function<bool(const RejectedRow&)>& visit) const {
  Statement s = state_->db.prepare(
      "SELECT i.file, r.line, r.code, r.reason, r.excerpt FROM rejected r JOIN import i "
      "ON i.id = r.import ORDER BY r.import, r.line");
  RejectedRow row;
  while (s.step()) {
    row.file = s.text(0);
    row.line = s.integer(1);
    row.code = s.text(2);
    row.reason = s.text(3);
    row.excerpt = s.text(4);
    if (!visit(row)) return;
  }
}

Store::Counts Store::counts() const {
  auto count = [&](const char* sql) { return state_->pragma(sql); };
  Counts c;
  c.records = count("SELECT count(*) FROM latest");
  c.versions = count("SELECT count(*) FROM report");
  c.sources = count("SELECT count(DISTINCT source) FROM latest");
  c.rejected = count("SELECT count(*) FROM rejected");
  c.patients = count(
      "SELECT count(DISTINCT nullif(patient, '')) + ifnull(sum(patient = ''), 0) FROM latest l "
      "JOIN report r ON r.row = l.row");
  c.labelled =
      count("SELECT count(*) FROM latest l JOIN report r ON r.row = l.row WHERE r.label != ''");
  c.ids_in_several_sources =
      count("SELECT count(*) FROM (SELECT id FROM latest GROUP BY id HAVING count(*) > 1)");
  return c;
}

std::vector<Store::Import> Store::imports() const {
  Statement s = state_->db.prepare(
      "SELECT file, file_hash, encoding, started, finished, rows, added, unchanged, new_versions, "
      "rejected FROM import ORDER BY id");
  std::vector<Import> all;
  while (s.step()) {
    Import i;
    i.file = s.text(0);
    i.file_hash = s.text(1);
    i.encoding = s.text(2);
    i.started = s.text(3);
    i.finished = s.text(4);
    i.rows = s.integer(5);
    i.added = s.integer(6);
    i.unchanged = s.integer(7);
    i.new_versions = s.integer(8);
    i.rejected = s.integer(9);
    all.push_back(std::move(i));
  }
  return all;
}

std::string Store::content_hash() const {
  Statement s = state_->db.prepare(
      "SELECT s.name, l.id, lower(hex(l.hash)) FROM source s JOIN latest l ON l.source = s.id "
      "ORDER BY s.name, l.id");
  Sha256 hash;
  while (s.step())
    for (int column = 0; column < 3; ++column) {
      std::string_view part = s.text(column);
      hash.update(std::to_string(part.size()));
      hash.update(":");
      hash.update(part);
    }
  return hash.hex();
}

}  // namespace gantry
