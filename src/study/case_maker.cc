#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"
#include "records/case_lists.h"
#include "study/case_making.h"
#include "study/data_folder.h"
#include "study/study_codes.h"
#include "text/block_tfidf.h"
#include "text/clauses.h"
#include "text/concepts.h"
#include "text/normalize.h"
#include "text/wording.h"

namespace gantry {
namespace {

// White space and controls of NFKC text, as the length in bytes of the sequence at `at`; 0: none.
// NFKC has already made blanks of U+00A0, U+2000..U+200A, U+202F, U+205F and U+3000.
size_t blank_at(std::string_view text, size_t at) {
  unsigned char c = static_cast<unsigned char>(text[at]);
  if (c <= 0x20 || c == 0x7f) return 1;
  std::string_view rest = text.substr(at);
  if (rest.starts_with("\xC2") && rest.size() >= 2 &&
      static_cast<unsigned char>(rest[1]) < 0xA0)  // U+0080..U+009F
    return 2;
  if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) return 3;
  return 0;
}

// Characters that show nothing and only split words: zero-width space and joiners, direction marks,
// soft hyphen, byte order mark.
size_t invisible_at(std::string_view text, size_t at) {
  std::string_view rest = text.substr(at);
  if (rest.starts_with("\xC2\xAD")) return 2;
  if (rest.starts_with("\xEF\xBB\xBF") || rest.starts_with("\xE2\x81\xA0")) return 3;
  if (rest.size() >= 3 && rest.starts_with("\xE2\x80")) {
    unsigned char last = static_cast<unsigned char>(rest[2]);
    if ((last >= 0x8B && last <= 0x8F) || (last >= 0xAA && last <= 0xAE)) return 3;
  }
  return 0;
}

bool holds(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string field_value(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "" : value.dump();
}

}  // namespace

std::string CaseMaker::model_text(std::string_view original) {
  std::string text = nfkc(original), out;
  out.reserve(text.size());
  bool blank = false, line = false;  // pending white space, and whether it holds a line break
  for (size_t at = 0; at < text.size();) {
    if (size_t n = invisible_at(text, at); n > 0) {
      at += n;
    } else if (size_t white = blank_at(text, at); white > 0) {
      blank = true;
      line = line || text[at] == '\n' || text[at] == '\r' || white == 3;
      at += white;
    } else {
      if (blank && !out.empty()) out += line ? '\n' : ' ';
      blank = line = false;
      out += text[at++];
    }
  }
  return out;
}

struct CaseMaker::State {
  Settings settings;
  SectionTable table;
  std::optional<FocusPattern> focus;
  std::optional<Wording> wording;
  std::shared_ptr<const StudyCodes> codes;  // where codes are asked for
  std::optional<ConceptTable> concepts;
};

CaseMaker::CaseMaker(const Settings& settings)
    : state_(new State{settings, SectionTable::load(data_file("tasks/headings.toml")), {}}) {
  if (!settings.focus.pattern.empty()) state_->focus.emplace(settings.focus.pattern);
  if (!settings.sections.wording.empty())
    state_->wording.emplace(Wording::load(data_file("tasks/" + settings.sections.wording)));
  if (settings.study.asks("codes")) state_->codes = open_study_codes(settings);
  if (!settings.focus.concepts.empty())
    state_->concepts.emplace(ConceptTable::load(data_file("tasks/" + settings.focus.concepts)));
}
CaseMaker::~CaseMaker() = default;

const SectionTable& CaseMaker::table() const { return state_->table; }

Case CaseMaker::make(const Record& record) const {
  OpenReport report(record, state_->table);
  return make(report);
}

Case CaseMaker::make(OpenReport& report) const {
  const Settings& settings = state_->settings;
  const Record& record = report.record();
  Case out;
  out.id = record.id;
  out.source = record.source;
  out.date = record.date;
  out.patient_known = !record.patient.empty();
  out.patient = patient_key(record, settings);
  out.answer = record.label;
  const auto& values = settings.labels.values;
  if (auto at = std::find(values.begin(), values.end(), record.label); at != values.end())
    out.label = static_cast<int>(at - values.begin());
  out.hash = record.hash;
  out.fields_json = record.fields_json;
  out.original = report.whole();
  if (settings.cohort.diagnoses != "any" || settings.cohort.plan != "any" ||
      settings.study.answers != std::vector<std::string>{"closed-set"})
    take_lists(record, out);
  if (out.dropped.empty()) write_text(report, out);
  return out;
}

void CaseMaker::take_lists(const Record& record, Case& out) const {
  const CaseLists lists = case_lists(record);
  out.free_text = lists.answer;
  if (lists.diagnoses.size() != 1) {
    if (state_->settings.cohort.diagnoses != "one") return;
    out.dropped_at = "diagnoses";
    out.dropped = lists.diagnoses.empty()
                      ? "no diagnosis record"
                      : std::to_string(lists.diagnoses.size()) + " diagnosis records";
    return;
  }
  out.code_given = lists.diagnoses[0].code;
  if (!state_->codes || out.code_given.empty()) return;
  ReadCode read = state_->codes->read(out.code_given, lists.diagnoses[0].text);
  out.code = std::move(read.code);
  if (read.standing != CodeStanding::kAllowed) out.code_note = std::move(read.words);
}

void CaseMaker::write_text(OpenReport& report, Case& out) const {
  const Settings::Sections& sections = state_->settings.sections;
  std::string text;
  auto append = [&](const std::string& tag, const std::string& body) {
    if (body.empty()) return;
    if (!text.empty()) text += sections.joiner;
    text += tag + body;
  };
  if (!sections.fields.empty()) {
    auto fields = nlohmann::json::parse(report.record().fields_json, nullptr, false);
    for (const std::string& name : sections.fields)
      if (fields.is_object() && fields.contains(name))
        append(model_text(name) + ": ", model_text(field_value(fields[name])));
  }
  const size_t fields_end = text.size();
  auto no_body = [&] { return text.size() == fields_end; };
  std::string required_missing;
  bool any = false;
  for (const std::string& part : sections.use) {
    const std::string kind = section_of(part);
    if (holds(out.missing_sections, kind)) continue;
    if (!model_text(report.section(kind)).empty()) {
      any = true;
      continue;
    }
    out.missing_sections.push_back(kind);
    if (holds(sections.required, kind))
      required_missing += (required_missing.empty() ? "" : ", ") + kind;
  }
  if (!required_missing.empty() && sections.missing == "set-aside") {
    out.dropped_at = "sections";
    out.dropped = "section not found: " + required_missing;
    return;
  }
  out.whole_text_used = !required_missing.empty() || !any;
  for (size_t i = 0; i < sections.use.size(); ++i) {
    out.sections.push_back(part_of(report, sections.use[i], out, true));
    append(sections.tags.empty() ? "" : sections.tags[i], model_text(out.sections.back()));
  }
  // No clause is about the focus, and there is no other part: the sections themselves are read.
  if (no_body())
    for (const std::string& kind : sections.required)
      append("", model_text(part_of(report, kind, out, true)));
  if (no_body()) append("", model_text(report.whole()));
  if (no_body()) {
    out.dropped_at = "text";
    out.dropped = "no text";
  }
  out.text = std::move(text);
  write_ngram_texts(report, out);
}

// A section, its clauses about the focus or the others, or the concepts of any of these. Where a
// required section is missing, the whole report stands for it, and the sections that were found are
// not read twice.
std::string CaseMaker::part_of(OpenReport& report, const std::string& part, const Case& item,
                               bool fold) const {
  if (part.ends_with(kConceptsPart)) {
    const std::string of = part.substr(0, part.size() - kConceptsPart.size());
    return state_->concepts->of_text(nfkc(part_of(report, of, item, fold)));
  }
  const std::string kind = section_of(part);
  const bool missing = holds(item.missing_sections, kind);
  const auto& required = state_->settings.sections.required;
  std::string text = report.section(kind);
  if (item.whole_text_used && kind != "whole") {
    const bool stands_for_whole = missing && (required.empty() || holds(required, kind));
    text = stands_for_whole ? report.whole() : "";
  }
  const bool folds = fold && state_->wording.has_value();
  if (text.empty() || (kind == part && !folds)) return text;
  // Normalised first, so that full-width letters, numbering and digits are seen; line breaks stay.
  text = nfkc(text);
  if (folds) text = state_->wording->fold(text);
  if (kind == part) return text;
  return part.ends_with(".focus") ? state_->focus->clauses_with(text)
                                  : state_->focus->clauses_without(text);
}

void CaseMaker::write_ngram_texts(OpenReport& report, Case& out) const {
  const auto& tfidf = state_->settings.tfidf;
  for (const std::string& part : tfidf.baseline) {
    std::string text = model_text(part_of(report, part, out, false));
    if (text.empty()) continue;
    out.baseline_text += (out.baseline_text.empty() ? "" : "\n") + text;
  }
  for (size_t b = 0; b < tfidf.blocks.size(); ++b) {
    if (b > 0) out.blocks_text += kBlockSeparator;
    out.blocks_text += model_text(part_of(report, tfidf_block(tfidf.blocks[b]).part, out, true));
  }
}

std::string patient_key(const Record& record, const Settings& settings) {
  if (record.patient.empty()) return record.source + "/" + record.id + " (report)";
  if (settings.split.patients_shared_between_sources) return record.patient;
  return record.source + "/" + record.patient;
}

}  // namespace gantry
