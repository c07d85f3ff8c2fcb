// The double-byte characters of Japanese encodings as data: rows and cells from 1 to 94 as in
// JIS X 0208; U+FFFD (or no row) where nothing is assigned.
#pragma once

namespace gantry {

extern const char16_t* const kCp932Rows[94];     // rows 1 to 94
extern const char16_t* const kIbmRows[6];        // rows 115 to 120: lead bytes FA to FC of CP932
extern const char16_t* const kJisX0212Rows[94];  // behind 8F in EUC-JP, ESC $ ( D in ISO-2022-JP

}  // namespace gantry
