#include "records/case_lists.h"

#include <functional>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "records/json_text.h"
#include "text/normalize.h"

namespace gantry {
namespace {

using Json = nlohmann::json;

// A list is read only from what begins like one: a diagnosis may well begin with a bracket.
bool looks_like_json(std::string_view text) {
  if (text.empty()) return false;
  const std::string_view inside = trim(text.substr(1));
  if (text.front() == '{') return inside.starts_with('"');
  return text.front() == '[' &&
         (inside == "]" || inside.starts_with('{') || inside.starts_with('"'));
}

// The text of the first of `keys` that is there; false when it is no text.
bool take_text(const Json& object, std::initializer_list<const char*> keys, std::string& out) {
  for (const char* key : keys) {
    auto at = object.find(key);
    if (at == object.end() || at->is_null()) continue;
    if (!at->is_string()) return false;
    out = std::string(trim(at->get_ref<const std::string&>()));
    return true;
  }
  return true;
}

bool take_primary(const Json& value, std::optional<bool>& out) {
  if (value.is_null()) return true;
  if (value.is_boolean()) {
    out = value.get<bool>();
  } else if (value == 0 || value == 1) {
    out = value == 1;
  } else if (value.is_string()) {
    const std::string word = lower_case(trim(value.get_ref<const std::string&>()));
    if (word == "yes" || word == "true" || word == "1") {
      out = true;
    } else if (word == "no" || word == "false" || word == "0") {
      out = false;
    } else {
      return word.empty();
    }
  } else {
    return false;
  }
  return true;
}

// Every entry of `value` through `take`, which says what is wrong with an object.
template <typename Entry>
std::vector<Entry> read_list(std::string_view value, const char* what, std::string& wrong,
                             const std::function<std::string(const Json&, Entry&)>& take) {
  std::vector<Entry> out;
  wrong.clear();
  value = trim(value);
  if (value.empty()) return out;
  if (!looks_like_json(value)) {
    out.push_back({});
    out.back().text = std::string(value);
    return out;
  }
  Json list = Json::parse(value, nullptr, false);
  if (list.is_discarded()) {
    wrong = "not a list in JSON";
    return {};
  }
  if (list.is_object()) list = Json::array({list});
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string nth = std::string(what) + " " + std::to_string(i + 1);
    Entry entry;
    if (list[i].is_string()) {
      entry.text = std::string(trim(list[i].get_ref<const std::string&>()));
    } else if (!list[i].is_object()) {
      wrong = nth + " is neither a text nor {text: ...}";
    } else if (std::string problem = take(list[i], entry); !problem.empty()) {
      wrong = nth + ": " + problem;
    }
    if (wrong.empty() && entry.text.empty()) wrong = nth + " has no text";
    if (!wrong.empty()) return {};
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

std::vector<DiagnosisRecord> read_diagnoses(std::string_view value, std::string& wrong) {
  return read_list<DiagnosisRecord>(
      value, "diagnosis record", wrong, [](const Json& object, DiagnosisRecord& out) {
        if (!take_text(object, {"text", "diagnosis"}, out.text)) return "'text' is not a text";
        if (!take_text(object, {"icd10", "code", "icd10cm", "icd_10"}, out.code))
          return "'icd10' is not a text";
        return "";
      });
}

std::vector<PlanRecord> read_plans(std::string_view value, std::string& wrong) {
  return read_list<PlanRecord>(value, "plan", wrong, [](const Json& object, PlanRecord& out) {
    if (!take_text(object, {"text", "plan"}, out.text)) return "'text' is not a text";
    auto primary = object.find("primary");
    if (primary != object.end() && !take_primary(*primary, out.primary))
      return "'primary' is neither true nor false";
    return "";
  });
}

std::string diagnoses_json(const std::vector<DiagnosisRecord>& diagnoses) {
  std::string out = "[";
  for (const DiagnosisRecord& one : diagnoses) {
    out += out.size() > 1 ? ",{\"text\":" : "{\"text\":";
    append_json_string(one.text, out);
    if (!one.code.empty()) {
      out += ",\"icd10\":";
      append_json_string(one.code, out);
    }
    out += '}';
  }
  return out + "]";
}

std::string plans_json(const std::vector<PlanRecord>& plans) {
  std::string out = "[";
  for (const PlanRecord& one : plans) {
    out += out.size() > 1 ? ",{\"text\":" : "{\"text\":";
    append_json_string(one.text, out);
    if (one.primary) out += std::string(",\"primary\":") + (*one.primary ? "true" : "false");
    out += '}';
  }
  return out + "]";
}

CaseLists case_lists(const Record& record) {
  CaseLists out;
  const Json fields = Json::parse(record.fields_json, nullptr, false);
  if (!fields.is_object()) return out;
  std::string wrong;
  auto list_of = [&](std::string_view key) {
    auto at = fields.find(std::string(key));
    return at == fields.end() || !at->is_array() ? std::string() : at->dump();
  };
  if (std::string list = list_of(kDiagnosesField); !list.empty())
    out.diagnoses = read_diagnoses(list, wrong);
  if (std::string list = list_of(kPlansField); !list.empty()) out.plans = read_plans(list, wrong);
  auto answer = fields.find(std::string(kAnswerField));
  if (answer != fields.end() && answer->is_string()) out.answer = answer->get<std::string>();
  return out;
}

}  // namespace gantry
