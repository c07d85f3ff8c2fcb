#include "records/record.h"

#include "base/sha256.h"

namespace gantry {

std::string record_hash(const Record& r) {
  std::string joined;
  joined.reserve(r.text.size() + r.fields_json.size() + r.indication.size() + r.findings.size() +
                 r.diagnosis.size() + 256);
  // Lengths before the parts, so that no two records run together to the same bytes.
  for (const std::string* part : {&r.id, &r.patient, &r.source, &r.date, &r.text, &r.indication,
                                  &r.findings, &r.diagnosis, &r.label, &r.fields_json}) {
    joined += std::to_string(part->size());
    joined += ':';
    joined += *part;
  }
  return sha256_hex(joined);
}

}  // namespace gantry
