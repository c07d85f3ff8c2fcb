#include "workflow/ratings.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/strings.h"
#include "records/store.h"
#include "report/japanese.h"
#include "report/report_state.h"
#include "report/sheet.h"
#include "study/cases.h"
#include "workflow/evidence_rows.h"
#include "workflow/train.h"

namespace gantry {
namespace {

using Json = nlohmann::ordered_json;
using Answer = std::pair<std::string, std::string>;  // case, arm

std::filesystem::path ratings_path(const Study& study) { return study.folder() / "ratings.jsonl"; }
std::filesystem::path key_path(const Study& study) { return study.folder() / "rating-key.csv"; }

const std::vector<std::string> kRater = {"rater", "reader", "評価者", "判定者"};
const std::vector<std::string> kItem = {"item", "code", "番号"};
const std::vector<std::string> kCase = {"case", "case_id", "id", "report", "症例"};
const std::vector<std::string> kArm = {"arm", "群", "方法"};

std::map<std::string, Answer> read_key(const Study& study) {
  std::map<std::string, Answer> out;
  if (!std::filesystem::exists(key_path(study))) return out;
  read_evidence(key_path(study), "UTF-8", {{"item", kItem}, {"case", kCase}, {"arm", kArm}},
                [&](EvidenceFile&, int64_t, const std::vector<std::string>& v) {
                  out[v[0]] = {v[1], v[2]};
                });
  return out;
}

struct StoredRating {
  std::string rater, item, arm, grade, comment, file;
  int64_t line = 0;
};

std::vector<StoredRating> stored_rows(const Study& study) {
  std::vector<StoredRating> out;
  const auto file = ratings_path(study);
  for_each_json_line(file, [&](const std::string& line) {
    try {
      const auto j = nlohmann::json::parse(line);
      out.push_back({j.at("rater"), j.at("case"), j.at("arm"), j.at("grade"),
                     j.value("comment", ""), j.value("file", ""), j.value("line", int64_t{0})});
    } catch (const nlohmann::json::exception& error) {
      throw Error("E0782", file.string() + ": a line cannot be read (" + error.what() + ")",
                  "Restore the file, or move it away and import the ratings again.");
    }
  });
  return out;
}

std::string line_of(const StoredRating& r) {
  return Json{{"rater", r.rater},     {"case", r.item}, {"arm", r.arm},  {"grade", r.grade},
              {"comment", r.comment}, {"file", r.file}, {"line", r.line}}
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

class RatingsImporter {
 public:
  explicit RatingsImporter(const Study& study)
      : key_(read_key(study)), stored_(stored_rows(study)) {
    for (const auto& grade : study.settings().ratings.scale) {
      grades_[folded_name(grade)] = grade;
      known_ += (known_.empty() ? "" : ", ") + grade;
    }
    for (size_t i = 0; i < stored_.size(); ++i)
      place_[{stored_[i].rater, stored_[i].item, stored_[i].arm}] = i;
  }

  void use(EvidenceFile& file, int64_t line, const std::vector<std::string>& v,
           RatingsImport& out) {
    StoredRating r{v[0], v[2], v[3], {}, v[5], file.name, line};
    if (v[4].empty()) {  // a sheet that is not filled in yet
      ++out.ungraded;
      return;
    }
    if (r.rater.empty()) return file.reject(line, "missing_rater", "no rater");
    if (!v[1].empty()) {
      auto found = key_.find(v[1]);
      if (found == key_.end())
        return file.reject(line, "unknown_item",
                           "item '" + v[1] + "' is not in the study's key (rating-key.csv)");
      r.item = found->second.first;
      r.arm = found->second.second;
    }
    if (r.item.empty() || r.arm.empty())
      return file.reject(line, "missing_case", "neither an item nor a case with its arm");
    auto grade = grades_.find(folded_name(v[4]));
    if (grade == grades_.end())
      return file.reject(line, "unknown_grade",
                         "grade '" + v[4] + "' is not on the scale (" + known_ + ")");
    r.grade = grade->second;
    keep(file, std::move(r), out);
  }

  const std::vector<StoredRating>& stored() const { return stored_; }

 private:
  void keep(EvidenceFile& file, StoredRating r, RatingsImport& out) {
    auto [at, fresh] = place_.try_emplace({r.rater, r.item, r.arm}, stored_.size());
    if (fresh) {
      ++out.added;
      stored_.push_back(std::move(r));
      return;
    }
    const auto& before = stored_[at->second];
    if (before.grade == r.grade && before.comment == r.comment) {
      ++out.unchanged;
      return;
    }
    file.reject(r.line, "graded_twice",
                "rater '" + r.rater + "' graded case '" + r.item + "' of this arm before (" +
                    before.file + ", line " + std::to_string(before.line) +
                    "); the first grade is kept");
  }

  std::map<std::string, Answer> key_;
  std::map<std::string, std::string> grades_;
  std::string known_;
  std::vector<StoredRating> stored_;
  std::map<std::tuple<std::string, std::string, std::string>, size_t> place_;
};

struct SheetAnswer {
  std::string item, arm, answer, question;
};

std::string csv_line(const std::vector<std::string>& cells) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) {
    out += i ? ",\"" : "\"";
    for (char c : cells[i]) out += c == '"' ? "\"\"" : std::string(1, c);
    out += "\"";
  }
  return out + "\r\n";
}

std::vector<SheetAnswer> read_answers(const std::filesystem::path& path, RatingSheet& out) {
  std::vector<SheetAnswer> answers;
  std::set<Answer> seen;
  std::set<std::string> cases, arms;
  EvidenceFile file =
      read_evidence(path, {},
                    {{"case", kCase},
                     {"arm", kArm},
                     {"answer", {"answer", "text", "regimen", "回答", "解答"}},
                     {"question", {"question", "diagnosis", "prompt", "診断"}, false}},
                    [&](EvidenceFile& f, int64_t line, const std::vector<std::string>& v) {
                      if (v[0].empty() || v[1].empty())
                        return f.reject(line, "missing_case", "no case or no arm");
                      if (!seen.insert({v[0], v[1]}).second)
                        throw Error("E0784",
                                    f.name + ", line " + std::to_string(line) + ": arm '" + v[1] +
                                        "' stands twice for case '" + v[0] + "'",
                                    "Give one answer an arm and case.");
                      cases.insert(v[0]);
                      arms.insert(v[1]);
                      answers.push_back({v[0], v[1], v[2], v[3]});
                    });
  out.rejected = std::move(file.rejected);
  out.cases = static_cast<int64_t>(cases.size());
  out.arms = static_cast<int64_t>(arms.size());
  if (answers.empty())
    throw Error("E0784", path.string() + ": holds no answer", "Give rows of case, arm, answer.");
  return answers;
}

const ReportTable* text_cases(const TestReport& report) {
  for (const auto& section : report.sections)
    for (const auto& table : section.tables)
      if (table.name == "text_cases") return &table;
  return nullptr;
}

// The answers of a test that was made: the model's draft ("tuned"), that of the base as it came
// ("original") where it was asked, and the reference ("clinical"). The question is what the model
// read.
std::vector<SheetAnswer> answers_of_test(const Study& study, const std::string& run,
                                         RatingSheet& out) {
  const auto folder = study.tests_folder() / find_run(study, run).filename();
  const auto state = folder / "test.json";
  if (!std::filesystem::exists(state))
    throw Error("E0733", folder.string() + ": this run has not been tested",
                "Run `gantry test` first, or give a file of case, arm, answer.");
  const TestReport report = read_report_state(read_file(state), state.string());
  const ReportTable* texts = text_cases(report);
  if (texts == nullptr)
    throw Error("E0784", state.string() + ": holds no answers in free text",
                "Give a file of case, arm, answer.");
  const std::pair<const char*, const char*> arms[] = {
      {"reference", "clinical"}, {"draft", "tuned"}, {"untuned base", "original"}};
  auto store = Store::open_read_only(study.records_path());
  const Cases cases = load_cases(study, *store);
  std::map<std::string, std::string> question;
  for (const Case* item : cases.of(CaseSet::kTest))
    question[item->source + "/" + item->id] = item->text;
  std::vector<SheetAnswer> answers;
  std::set<std::string> seen;
  for (const auto& row : texts->rows) {
    const std::string name = row.at(1).text.en + "/" + row.at(0).text.en;
    ++out.cases;
    for (size_t c = 0; c < row.size(); ++c)
      for (const auto& [column, arm] : arms) {
        if (texts->head.at(c).en != column || row[c].text.empty()) continue;
        seen.insert(arm);
        answers.push_back({name, arm, row[c].text.en, question[name]});
      }
  }
  out.arms = static_cast<int64_t>(seen.size());
  return answers;
}

}  // namespace

RatingsImport import_ratings(const Study& study, const std::filesystem::path& path,
                             const std::string& encoding) {
  RatingsImporter importer(study);
  RatingsImport out;
  EvidenceFile file =
      read_evidence(path, encoding,
                    {{"rater", kRater},
                     {"item", kItem, false},
                     {"case", kCase, false},
                     {"arm", kArm, false},
                     {"grade", {"grade", "rating", "label", "評価", "段階"}},
                     {"comment", {"comment", "remark", "コメント", "備考"}, false}},
                    [&](EvidenceFile& f, int64_t line, const std::vector<std::string>& values) {
                      importer.use(f, line, values, out);
                    });
  out.rows = file.rows;
  out.rejected = std::move(file.rejected);
  if (out.added > 0) {
    std::string content;
    for (const auto& r : importer.stored()) content += line_of(r);
    write_file_atomically(ratings_path(study), content);
  }
  out.stored = stored_ratings(study);
  return out;
}

Ratings stored_ratings(const Study& study) {
  const auto& settings = study.settings().ratings;
  Ratings out;
  out.scale = settings.scale;
  std::map<std::string, int> place;
  for (size_t g = 0; g < out.scale.size(); ++g) {
    place[out.scale[g]] = static_cast<int>(g);
    out.acceptable.push_back(
        std::count(settings.acceptable.begin(), settings.acceptable.end(), out.scale[g]) > 0);
  }
  int64_t off = 0;
  for (auto& r : stored_rows(study)) {
    auto grade = place.find(r.grade);
    if (grade == place.end())
      ++off;
    else
      out.ratings.push_back({r.rater, r.item, r.arm, grade->second, r.comment});
  }
  if (off > 0)
    out.notes.push_back(
        with_commas(off) +
        " stored grades are not on today's scale (ratings.scale) and are left out.");
  std::set<std::string> cases;
  for (const auto& [item, answer] : read_key(study)) cases.insert(answer.first);
  out.items = static_cast<int64_t>(cases.size());
  return out;
}

void attach_ratings(const Study& study, TestReport& report) {
  report.ratings = stored_ratings(study);
}

RatingSheet write_rating_sheet(const Study& study, const RatedAnswers& from,
                               const std::filesystem::path& folder, uint64_t seed) {
  RatingSheet out{folder / "rating-sheet.csv", folder / "rating-sheet.html", key_path(study)};
  for (const auto& file : {out.csv, out.html, out.key})
    if (std::filesystem::exists(file))
      throw Error("E0783", file.string() + ": exists; another key would make grades unreadable",
                  "Move it away, or name another folder with --out.");
  auto answers =
      from.file.empty() ? answers_of_test(study, from.run, out) : read_answers(from.file, out);
  Random(seed, stream_of("rating sheet")).shuffle(answers);
  out.answers = static_cast<int64_t>(answers.size());
  const auto& settings = study.settings();
  Sheet sheet{.title = {"Rating sheet", "評価票"},
              .lead = {"Grade each answer on its own. The order and the codes are by chance.",
                       "各回答を単独で評価してください。順序と番号は無作為です。"},
              .synthetic = settings.study.synthetic,
              .person_column = "rater",
              .keys = {"item"},
              .answer_column = "grade",
              .comment = true};
  for (const auto& grade : settings.ratings.scale) {
    const std::string japanese = in_japanese(grade);
    sheet.choices.emplace_back(grade, Words({}, japanese == grade ? std::string() : japanese));
  }
  std::string key = csv_line({"item", "case", "arm"});
  for (size_t i = 0; i < answers.size(); ++i) {
    std::string number = std::to_string(i + 1);
    const std::string code =
        "Q" + std::string(number.size() < 4 ? 4 - number.size() : 0, '0') + number;
    sheet.items.push_back(
        {{code}, code, {{"question", answers[i].question}, {"answer", answers[i].answer}}});
    key += csv_line({code, answers[i].item, answers[i].arm});
  }
  make_private_folder(folder);
  write_file_atomically(out.key, key);
  write_file_atomically(out.csv, sheet_csv(sheet));
  write_file_atomically(out.html, sheet_html(sheet));
  return out;
}

}  // namespace gantry
