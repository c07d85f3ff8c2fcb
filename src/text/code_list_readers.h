// Readers of code lists: the ICD-10-CM tabular list (XML of CDC/NCHS), the CMS order file (fixed
// width), a plain TSV.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "text/code_list.h"

namespace gantry {

enum class CodeListFormat { kTabularXml, kOrderFile, kTsv };
const char* format_words(CodeListFormat format);

// By its first bytes: "<" -> XML; five digits and a space -> order file; else TSV.
CodeListFormat tell_code_list_format(std::string_view bytes);

// <diag> elements with <name>, <desc>, <inclusionTerm>; <sevenChrDef> of the element or an ancestor
// makes the seven-character codes ("X" fills the places between), titled "title, extension". A leaf
// is billable. E0374: not well-formed, an entity declared, nested too deep, not a tabular list.
CodeList parse_tabular_xml(std::string_view bytes, const std::string& name,
                           const std::string& label);

// Columns of CMS's icd10cm_order_YYYY.txt: 1-5 order, 7-13 code, 15 billable (0 or 1), 17-76 short
// title, 78- long title. E0375 with the line.
CodeList parse_order_file(std::string_view bytes, const std::string& name,
                          const std::string& label);

// Tab-separated; the first line names the columns: code and title (or long, else short), optionally
// billable (0/1, yes/no, true/false), valid_from, valid_to (YYYY-MM-DD), terms. Without `billable`
// a leaf is billable. E0376 with the line.
CodeList parse_code_tsv(std::string_view bytes, const std::string& name, const std::string& label,
                        const std::string& edition = {});

// The file in whichever of the three formats. Errors E0101 and as above.
CodeList read_code_list(const std::filesystem::path& file, const std::string& name);

}  // namespace gantry
