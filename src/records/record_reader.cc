#include "records/record_reader.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "records/case_lists.h"
#include "records/json_text.h"
#include "text/normalize.h"

namespace gantry {
namespace {

constexpr size_t kTextRoles = 9;  // those with a field of Record
constexpr size_t kRoles = 13;
constexpr std::array<const char*, kRoles> kRoleNames = {
    "id",       "patient",   "source",    "date",  "label", "text",  "indication",
    "findings", "diagnosis", "diagnoses", "plans", "code",  "answer"};
enum Role : size_t {
  kId,
  kPatient,
  kSource,
  kDate,
  kLabel,
  kText,  // then the sections
  kDiagnoses = kTextRoles,
  kPlans,
  kCode,
  kAnswer
};

const std::vector<std::string>& names_of(const ColumnMap& map, size_t role) {
  const std::array<const std::vector<std::string>*, kRoles> lists = {
      &map.id,    &map.patient,    &map.source,   &map.date,      &map.label,
      &map.text,  &map.indication, &map.findings, &map.diagnosis, &map.diagnoses,
      &map.plans, &map.code,       &map.answer};
  return *lists[role];
}

std::string& field_of(Record& r, size_t role) {
  const std::array<std::string*, kTextRoles> fields = {&r.id,         &r.patient,  &r.source,
                                                       &r.date,       &r.label,    &r.text,
                                                       &r.indication, &r.findings, &r.diagnosis};
  return *fields[role];
}

// Without case, width, spaces, hyphens and underscores.
std::string plain_name(std::string_view name) {
  std::string folded = lower_case(nfkc(name)), plain;
  for (char c : folded)
    if (c != ' ' && c != '_' && c != '-' && c != '\t') plain.push_back(c);
  return plain;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "'" : ", '") + name + "'";
  return out.empty() ? "none" : out;
}

// White space off both ends, the ideographic space too.
std::string_view trim_wide(std::string_view text) {
  constexpr std::string_view kWide = "\u3000";
  for (;;) {
    text = trim(text);
    if (text.starts_with(kWide))
      text.remove_prefix(kWide.size());
    else if (text.ends_with(kWide))
      text.remove_suffix(kWide.size());
    else
      return text;
  }
}

std::string shown(std::string_view value) {
  constexpr size_t kLongest = 60;
  std::string out(value.substr(0, kLongest));
  while (value.size() > kLongest && !out.empty() && !is_valid_utf8(out)) out.pop_back();
  return value.size() > kLongest ? out + "..." : out;
}

bool all_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

std::string stem_of(const std::string& name) { return std::filesystem::path(name).stem().string(); }

}  // namespace

struct RecordReader::State {
  std::unique_ptr<RowReader> rows;
  RecordOptions options;
  std::array<std::vector<std::string>, kRoles> candidates;  // plain names
  std::string default_source;
  Record record;
  RejectedRow rejected;

  // For the columns of the last row; JSONL may change them from row to row.
  std::vector<std::string> names;
  std::array<int, kRoles> column{};
  struct Other {
    size_t index;
    std::string key;  // as JSON, with its colon
  };
  std::vector<Other> others;

  void settle_columns(const std::vector<std::string>& now);
  void require_columns(const ColumnMap& map) const;
  [[noreturn]] void missing_column(const std::vector<std::string>& wanted,
                                   std::string_view role) const;
  bool set_aside(const char* code, std::string reason);
  std::string column_name(size_t role) const {
    return column[role] >= 0 ? "column '" + names[column[role]] + "'"
                             : "no column for '" + std::string(kRoleNames[role]) + "'";
  }
  void take_fields(const Row& row);
  bool take_lists(const Row& row);  // false: set aside
  void add_field(std::string_view key, std::string_view json);
  bool check_label();
  bool check();  // false: set aside
};

void RecordReader::State::settle_columns(const std::vector<std::string>& now) {
  names = now;
  std::vector<std::string> plain;
  for (const std::string& name : names) plain.push_back(plain_name(name));
  std::vector<bool> used(names.size());
  for (size_t role = 0; role < kRoles; ++role) {
    column[role] = -1;
    for (const std::string& candidate : candidates[role]) {
      auto found = std::find(plain.begin(), plain.end(), candidate);
      if (found == plain.end()) continue;
      column[role] = static_cast<int>(found - plain.begin());
      used[column[role]] = true;
      break;
    }
  }
  others.clear();
  for (size_t i = 0; i < names.size(); ++i) {
    if (used[i]) continue;
    Other other{i, {}};
    append_json_string(names[i], other.key);
    other.key.push_back(':');
    others.push_back(std::move(other));
  }
}

void RecordReader::State::missing_column(const std::vector<std::string>& wanted,
                                         std::string_view role) const {
  const RowReader::About& about = rows->about();
  std::string near;
  for (const std::string& name : wanted)
    if (near.empty()) near = nearest_word(name, about.columns);
  throw Error("E0205",
              about.name + ": no column " + listed(wanted) + " (" + std::string(role) +
                  "); the file has " + listed(about.columns),
              (near.empty() ? "Name the column" : "Did you mean '" + near + "'? Name the column") +
                  " under [columns] in study.toml.");
}

void RecordReader::State::require_columns(const ColumnMap& map) const {
  if (rows->about().format == RowFormat::jsonl) return;  // told row by row
  for (size_t role = 0; role < kRoles; ++role) {
    const auto& wanted = names_of(map, role);
    bool needed = (role < kTextRoles && wanted.size() == 1) || (role == kId && options.needs_id);
    if (needed && !wanted.empty() && column[role] < 0) missing_column(wanted, kRoleNames[role]);
  }
  bool text = std::any_of(column.begin() + kText, column.begin() + kDiagnoses + 1,
                          [](int c) { return c >= 0; });
  if (!text && options.needs_text)
    missing_column(map.diagnoses.empty() ? map.text : map.diagnoses,
                   map.diagnoses.empty() ? "text" : "diagnoses");
}

bool RecordReader::State::set_aside(const char* code, std::string reason) {
  rejected = {};
  rejected.file = rows->about().name;
  rejected.line = rows->row().line;
  rejected.code = code;
  rejected.reason = std::move(reason);
  constexpr size_t kExcerptBytes = 200;
  std::string& out = rejected.excerpt;
  for (const std::string& value : rows->row().values) {
    if (out.size() >= kExcerptBytes) break;
    if (!out.empty()) out += " | ";
    out += shown(value);
  }
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return false;
}

void RecordReader::State::take_fields(const Row& row) {
  record.fields_json.assign(1, '{');
  for (const Other& other : others) {
    if (record.fields_json.size() > 1) record.fields_json.push_back(',');
    record.fields_json += other.key;
    const std::string& value = row.values[other.index];
    switch (row.kinds[other.index]) {
      case Row::Kind::text:
        append_json_string(value, record.fields_json);
        break;
      case Row::Kind::json:
        record.fields_json += value;
        break;
      case Row::Kind::null:
        record.fields_json += "null";
        break;
    }
  }
  record.fields_json.push_back('}');
}

void RecordReader::State::add_field(std::string_view key, std::string_view json) {
  record.fields_json.pop_back();  // the closing brace
  if (record.fields_json.size() > 1) record.fields_json.push_back(',');
  append_json_string(key, record.fields_json);
  record.fields_json += ':';
  record.fields_json += json;
  record.fields_json.push_back('}');
}

// The lists of a case, checked, under their own names whatever the file calls them.
bool RecordReader::State::take_lists(const Row& row) {
  auto value_of = [&](size_t role) {
    return column[role] < 0 ? std::string_view() : trim_wide(row.values[column[role]]);
  };
  std::string wrong;
  if (candidates[kDiagnoses].empty() && candidates[kPlans].empty() && candidates[kCode].empty() &&
      candidates[kAnswer].empty())
    return true;
  std::vector<DiagnosisRecord> diagnoses = read_diagnoses(value_of(kDiagnoses), wrong);
  if (!wrong.empty()) return set_aside("bad_diagnoses", column_name(kDiagnoses) + ": " + wrong);
  if (diagnoses.empty() && !trim_wide(record.text).empty())
    diagnoses.push_back({std::string(trim_wide(record.text)), ""});
  if (diagnoses.size() == 1 && diagnoses[0].code.empty()) diagnoses[0].code = value_of(kCode);
  std::vector<PlanRecord> plans = read_plans(value_of(kPlans), wrong);
  if (!wrong.empty()) return set_aside("bad_plans", column_name(kPlans) + ": " + wrong);
  if (record.text.empty())
    for (const DiagnosisRecord& one : diagnoses)
      record.text += (record.text.empty() ? "" : "\n") + one.text;
  if (!diagnoses.empty()) add_field(kDiagnosesField, diagnoses_json(diagnoses));
  if (!plans.empty()) add_field(kPlansField, plans_json(plans));
  if (std::string_view answer = value_of(kAnswer); !answer.empty()) {
    std::string quoted;
    append_json_string(answer, quoted);
    add_field(kAnswerField, quoted);
  }
  return true;
}

bool RecordReader::State::check_label() {
  std::string& label = record.label;
  if (label.empty()) return true;
  if (!all_ascii(label)) {  // full-width digits and letters
    std::string folded = nfkc(label);
    label = trim(folded);
  }
  const auto& allowed = options.allowed_labels;
  if (allowed.empty() || std::find(allowed.begin(), allowed.end(), label) != allowed.end())
    return true;
  // A spreadsheet that has passed through floating point writes 1 as 1.0.
  if (label.ends_with(".0") && std::find(allowed.begin(), allowed.end(),
                                         label.substr(0, label.size() - 2)) != allowed.end()) {
    label.resize(label.size() - 2);
    return true;
  }
  return set_aside("unknown_label", column_name(kLabel) + ", value '" + shown(label) +
                                        "': not one of " + listed(allowed));
}

bool RecordReader::State::check() {
  if (record.id.empty()) {
    if (options.needs_id) return set_aside("missing_id", column_name(kId) + " is empty");
    record.id = "line " + std::to_string(record.line);
  }
  bool text = false;
  for (size_t role = kText; role < kTextRoles; ++role)
    text = text || !trim_wide(field_of(record, role)).empty();
  if (!text && options.needs_text)
    return set_aside(
        "missing_text",
        column_name(column[kText] < 0 && column[kDiagnoses] >= 0 ? kDiagnoses : kText) +
            " is empty");
  if (!record.date.empty()) {
    std::string date = parse_date(record.date);
    if (date.empty())
      return set_aside("bad_date",
                       column_name(kDate) + ", value '" + shown(record.date) + "': not a date");
    record.date = std::move(date);
  }
  if (record.source.empty()) record.source = default_source;
  return check_label();
}

RecordReader::RecordReader(std::unique_ptr<RowReader> rows, const ColumnMap& map,
                           const RecordOptions& options)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.rows = std::move(rows);
  s.options = options;
  for (size_t role = 0; role < kRoles; ++role)
    for (const std::string& name : names_of(map, role))
      s.candidates[role].push_back(plain_name(name));
  s.default_source = options.source.empty() ? stem_of(s.rows->about().name) : options.source;
  s.settle_columns(s.rows->about().columns);
  s.require_columns(map);
}

RecordReader::RecordReader(const std::filesystem::path& path, const ColumnMap& map,
                           const RecordOptions& options)
    : RecordReader(RowReader::open(path, options.rows), map, options) {}

RecordReader::~RecordReader() = default;

RowReader::Next RecordReader::next() {
  State& s = *state_;
  RowReader::Next found = s.rows->next();
  if (found == RowReader::Next::rejected) s.rejected = s.rows->rejected();
  if (found != RowReader::Next::row) return found;
  const Row& row = s.rows->row();
  if (row.names != s.names) s.settle_columns(row.names);
  for (size_t role = 0; role < kTextRoles; ++role) {
    std::string& field = field_of(s.record, role);
    int column = s.column[role];
    if (column < 0)
      field.clear();
    else
      field = role < kText ? trim_wide(row.values[column]) : std::string_view(row.values[column]);
  }
  s.record.file = s.rows->about().name;
  s.record.line = row.line;
  s.record.hash.clear();
  s.take_fields(row);
  return s.take_lists(row) && s.check() ? RowReader::Next::row : RowReader::Next::rejected;
}

Record& RecordReader::record() { return state_->record; }
const RejectedRow& RecordReader::rejected() const { return state_->rejected; }
RowReader& RecordReader::rows() { return *state_->rows; }

ColumnMap ColumnMap::usual() {
  ColumnMap map;
  map.id = {"report_id", "id",         "accession_number", "accession",   "study_id",
            "報告書ID",  "レポートID", "検査ID",           "オーダ番号",  "オーダー番号",
            "受付番号",  "検査番号",   "報告書番号",       "レポート番号"};
  map.patient = {"patient_id", "patient", "患者ID", "患者番号", "カルテ番号", "患者No", "mrn"};
  map.source = {"source", "hospital", "site",   "institution", "施設",
                "施設名", "病院",     "病院名", "医療機関"};
  map.date = {"exam_date", "study_date", "date",       "report_date", "検査日",
              "検査日時",  "撮影日",     "検査実施日", "実施日",      "報告日"};
  map.label = {"label", "group", "ラベル", "正解", "分類", "群"};
  map.text = {"report", "text",       "report_text",  "報告書",       "レポート",
              "本文",   "報告書本文", "レポート本文", "読影レポート", "報告内容"};
  map.indication = {"indication",       "clinical_information",
                    "clinical_history", "臨床情報",
                    "検査目的",         "依頼目的",
                    "依頼内容",         "依頼情報"};
  map.findings = {"findings", "所見", "読影所見", "画像所見"};
  map.diagnosis = {"diagnosis", "impression", "診断",     "画像診断",
                   "読影診断",  "総合診断",   "読影結果", "結論"};
  return map;
}

}  // namespace gantry
